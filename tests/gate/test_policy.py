"""A site's own Content-Security-Policy after we asked for no more than we need."""

import pytest

from bandeau.gate.policy import Inlined, amended, inlined

OURS = Inlined(("'sha256-S'",), ("'sha256-T'",))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("img-src 'none'", "img-src 'none'"),
        ("", ""),
        (
            "script-src 'self'; style-src 'self'",
            "script-src 'self' 'sha256-S'; style-src 'self' 'sha256-T'",
        ),
        (
            "default-src 'self'",
            (
                "default-src 'self'; script-src 'self' 'sha256-S'; "
                "style-src 'self' 'sha256-T'"
            ),
        ),
        (
            "default-src 'none'",
            (
                "default-src 'none'; script-src 'sha256-S'; style-src 'sha256-T'; "
                "connect-src 'self'"
            ),
        ),
        # 'unsafe-inline' is in force: a hash would switch it off.
        ("script-src 'self' 'unsafe-inline'", "script-src 'self' 'unsafe-inline'"),
        ("default-src * 'UNSAFE-inline'", "default-src * 'UNSAFE-inline'"),
        # It is not: a nonce has switched it off already.
        (
            "script-src 'unsafe-inline' 'nonce-x'",
            "script-src 'unsafe-inline' 'nonce-x' 'sha256-S'",
        ),
        (
            "script-src 'unsafe-inline' 'strict-dynamic' https:",
            "script-src 'unsafe-inline' 'strict-dynamic' https: 'sha256-S'",
        ),
        (
            "style-src 'unsafe-inline' 'strict-dynamic'",
            "style-src 'unsafe-inline' 'strict-dynamic'",
        ),
        # The most special directive decides, and only the first of a name.
        (
            "script-src 'none'; script-src-elem 'self'",
            "script-src 'none'; script-src-elem 'self' 'sha256-S'",
        ),
        (
            "SCRIPT-SRC 'self'; script-src 'unsafe-inline'",
            "script-src 'self' 'sha256-S'",
        ),
        ("connect-src https://api.test", "connect-src https://api.test 'self'"),
        (
            "connect-src 'none'; form-action 'none'",
            "connect-src 'self'; form-action 'self'",
        ),
        ("form-action https://pay.test", "form-action https://pay.test 'self'"),
        ("connect-src *", "connect-src *"),
        (
            "require-trusted-types-for 'script'; trusted-types 'none'",
            "require-trusted-types-for 'script'; trusted-types 'none'",
        ),
        # Two policies in one header: both are in force.
        (
            "script-src 'self', script-src 'none'",
            "script-src 'self' 'sha256-S', script-src 'sha256-S'",
        ),
        ("script-src 'self' 'sha256-S'", "script-src 'self' 'sha256-S'"),
    ],
)
def test_a_policy_lets_our_banner_work_and_nothing_else(
    before: str, after: str
) -> None:
    def directives(policy: str) -> list[set[str]]:
        return [
            {d.strip() for d in one.split(";") if d.strip()}
            for one in policy.split(",")
        ]

    assert directives(after) == directives(amended(before, OURS))
    assert amended(before, OURS) == amended(amended(before, OURS), OURS)


def test_what_nobody_inlines_needs_no_hash() -> None:
    assert "script-src 'self'" == amended("script-src 'self'", Inlined((), ()))


def test_hashes_are_those_of_what_stands_between_the_tags() -> None:
    # The hash of CSP Level 3, section 8.3: alert('Hello, world.');
    assert Inlined(
        ("'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='",),
        ("'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",),
    ) == inlined(
        "<style></style><script type='module'>alert('Hello, world.');</script>"
    )
