"""What a log and a witness say to each other, as the bytes that go back and forth.

The worked log of `tests/vectors/ledger.json`; in this order, because each step stands on
those before. Where a witness cosigns, the lines are those of the worked witness at the
worked time.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """`told` is empty where a sentence of our own says what is wrong."""

    name: str
    status: int
    body: str
    told: str


SESSION = [
    Step(
        "the first cosignature, at size 1",
        200,
        """\
old 0

ledger.example/shop/2026
1
nongyKlMYn9rMa7eIOqWK+90W5vaqDq3fqrgNkkHd5M=

— ledger.example/shop/2026 z+86cXYx38URdKfaPCphykdh1y6CJiJnp8/3f2bqSdKY7YmHbGJGquqXan9l0OAiJSM0XOXJUT5GPBdPu1yIdKEsgQY=
""",
        """\
— witness.example/w1 IDJKvgAAAABrA8hQD4YIVLgAUQcG4Nciz5D7MRfwkYYmicDZbSkHA0qNQoadXcY54/GAB80ioBFJ3PDYLkOh+AhSI1izVp5j8fBzAQ==
""",
    ),
    Step(
        "a signature with one bit turned",
        403,
        """\
old 1
bvxafPBrg5Dbz3f9qTNe/de9Lh4LpAGWm6ObYfHAUAU=
y+RtSe+9H9KNoZ2MYodiQdO1PjkPa9s2MvBABAyhQS8=

ledger.example/shop/2026
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2026 z+86cWXdH57kck4jrIIhAVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        "",
    ),
    Step(
        "a log that nobody knows",
        404,
        """\
old 1
bvxafPBrg5Dbz3f9qTNe/de9Lh4LpAGWm6ObYfHAUAU=
y+RtSe+9H9KNoZ2MYodiQdO1PjkPa9s2MvBABAyhQS8=

ledger.example/shop/2027
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2027 z+86cWXdH57kck4jrIIheVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        "",
    ),
    Step(
        "no proof",
        422,
        """\
old 1

ledger.example/shop/2026
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2026 z+86cWXdH57kck4jrIIheVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        "",
    ),
    Step(
        "a proof with one bit turned",
        422,
        """\
old 1
bvxafPBrg5Dbz3f9qTNe/de9Lh4LpAGWm6ObYfHAUAU=
yuRtSe+9H9KNoZ2MYodiQdO1PjkPa9s2MvBABAyhQS8=

ledger.example/shop/2026
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2026 z+86cWXdH57kck4jrIIheVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        "",
    ),
    Step(
        "on to size 3",
        200,
        """\
old 1
bvxafPBrg5Dbz3f9qTNe/de9Lh4LpAGWm6ObYfHAUAU=
y+RtSe+9H9KNoZ2MYodiQdO1PjkPa9s2MvBABAyhQS8=

ledger.example/shop/2026
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2026 z+86cWXdH57kck4jrIIheVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        """\
— witness.example/w1 IDJKvgAAAABrA8hQCCrr8stYeNJqTqvHr09zgCz1ckv5+uFFZBLuR52djkIS3r/p+PZQTNweyNbQ66o3iqWizFyA98RjcrQhY6NXBQ==
""",
    ),
    Step(
        "from a size that was left behind",
        409,
        """\
old 1
bvxafPBrg5Dbz3f9qTNe/de9Lh4LpAGWm6ObYfHAUAU=
jhxb2ZI3NM+yFmQVQ0VxbsNUsimdfPDMQ9UeRyS3EOQ=
xUjf8qPAx/u68oC3o0sN9DNVGHXLJhQNohvNfKDHxXk=

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=

— ledger.example/shop/2026 z+86cXfRH1qTteBk25ExAYzatEQytSVmndT5sBgJLq3coz3xLig05eCZt5CNGd1Oz6/r9NBnEsDKyNZ0oeedTG4hOgA=
""",
        """\
3
""",
    ),
    Step(
        "on to size 5",
        200,
        """\
old 3
y+RtSe+9H9KNoZ2MYodiQdO1PjkPa9s2MvBABAyhQS8=
PdZ+H2L9CpoIoCq5EZ4bRcDEX/VYxAF0Mz+J2drwuXU=
GEKVoNgPG9oURMY9nzIVBC63uxD/ESQZEQOoGsWUwcI=
xUjf8qPAx/u68oC3o0sN9DNVGHXLJhQNohvNfKDHxXk=

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=

— ledger.example/shop/2026 z+86cXfRH1qTteBk25ExAYzatEQytSVmndT5sBgJLq3coz3xLig05eCZt5CNGd1Oz6/r9NBnEsDKyNZ0oeedTG4hOgA=
""",
        """\
— witness.example/w1 IDJKvgAAAABrA8hQnZWwnIjZREQ4qnJa12XA97yJP4K3+9WlS3lqyPup5UoL+i2gSWywtnf6oSwGuoBVm5By9HrYuNTYhK2Hu0gQAg==
""",
    ),
    Step(
        "from nothing, which asks for the size",
        409,
        """\
old 0

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=

— ledger.example/shop/2026 z+86cXfRH1qTteBk25ExAYzatEQytSVmndT5sBgJLq3coz3xLig05eCZt5CNGd1Oz6/r9NBnEsDKyNZ0oeedTG4hOgA=
""",
        """\
5
""",
    ),
    Step(
        "a checkpoint without a signature",
        400,
        """\
old 5

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=
""",
        "",
    ),
    Step(
        "a size in words",
        400,
        """\
old 5

ledger.example/shop/2026
five
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=

— ledger.example/shop/2026 z+86cRjuraAfkBdUgCj78tdzWl/AM420fWvTKu6NhbGEl7LAzJTik3eZFmJHlN4JbuQMP6icuGoOCcCW539YzzfoRwY=
""",
        "",
    ),
    Step(
        "a line of extension",
        400,
        """\
old 5

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=
extension

— ledger.example/shop/2026 z+86cd1+7C6j+/RUjPaNVV0hyKNtZY94dWRJLcCUXWuPrFLzwyZb8Q5NNUO1PdN/HN5ei35mpPyJBGqaC00s974jIwg=
""",
        "",
    ),
    Step(
        "from beyond the size",
        400,
        """\
old 5

ledger.example/shop/2026
3
Ev/zIHXdGi6uV/VAp0CXbbMR33jTUqiUpgJSPauWEx8=

— ledger.example/shop/2026 z+86cWXdH57kck4jrIIheVvNCO6Hh+z3/iZBrEuyWfhVHN8LleWjwre3FfK0cOvwiVDkXgK29wvdpkt+1Ibqt/WTLgI=
""",
        "",
    ),
    Step(
        "another tree of size 5",
        422,
        """\
old 5

ledger.example/shop/2026
5
dzQP0LYa+OQ1p/EM2LPU6FUDocq0V2rDnh0Uf28imiU=

— ledger.example/shop/2026 z+86cR66IgiL4SrEJ0sxWpxok/lp7iPbm/iw5gPqot4wX3cga8/EyRdHIx7KE8DEl5YFlsI9WNRLwv/BSNqxKMG3EAw=
""",
        "",
    ),
    Step(
        "size 5 once more, for its time",
        200,
        """\
old 5

ledger.example/shop/2026
5
z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=

— ledger.example/shop/2026 z+86cXfRH1qTteBk25ExAYzatEQytSVmndT5sBgJLq3coz3xLig05eCZt5CNGd1Oz6/r9NBnEsDKyNZ0oeedTG4hOgA=
""",
        """\
— witness.example/w1 IDJKvgAAAABrA8hQnZWwnIjZREQ4qnJa12XA97yJP4K3+9WlS3lqyPup5UoL+i2gSWywtnf6oSwGuoBVm5By9HrYuNTYhK2Hu0gQAg==
""",
    ),
]
