"""The sites of a store as visitors meet them: their published notices, made ready.

Everything that does not depend on the visitor is worked out here, off the hot path: the
terms of every notice that may still be answered, and the files. What another process
publishes is found by looking at most once a second. A site that cannot be read again
stays as it was.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bandeau.banner.render import Bundle, bundle
from bandeau.collector.files import FOR_EVER, SHORT, File, compressed, file
from bandeau.collector.submissions import Terms
from bandeau.ledger.store import PublishedNotice, Store
from bandeau.model.notices import Notice, decode_notice
from bandeau.model.services import host_matches
from bandeau.regimes import Regime, choice_months

_log = logging.getLogger("bandeau.collector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One site: its present notice, the older ones, and what is served of them.

    `terms` holds every notice that the site has published, by its digest and by the 8
    characters that cookie, script and form name it with: a page that was
    open when a new one came may still answer the old one, and is recorded as that.
    """

    site: str
    notice: Notice
    earlier: tuple[Notice, ...]
    terms: Mapping[str, Terms]
    published_at: int
    months: int
    bundles: Mapping[str, Bundle]
    scripts: Mapping[str, File]


class Sites:
    """All sites of a store, or the one that is named. Threads: one may load at a time."""

    def __init__(
        self, store: Store, *, only: str | None, regime: Regime, endpoint: str
    ) -> None:
        self._store = store
        self._only = only
        self._regime = regime
        self._endpoint = endpoint
        self._terms: dict[str, Terms] = {}
        self._sites: dict[str, tuple[tuple[str, ...], Published]] = {}
        # Addresses that name their content; those of older notices stay answered.
        self.files: dict[str, File] = {}
        # Grows with every change: whoever keeps something worked out from it asks.
        self.version = 0

    def load(self) -> None:
        """Look for new notices, and make ready whatever is new."""
        changed = False
        names = [self._only] if self._only is not None else self._store.sites()
        # LIMIT: the bytes of every notice are read each time; some hundreds of sites in
        # one process are fine, thousands want a cheaper question to the store.
        for name in names:
            published = self._store.notices(name)
            digests = tuple(one.digest for one in published)
            known, _ = self._sites.get(name, ((), None))
            if not digests or digests == known:
                continue
            self._sites[name] = (digests, self._made_ready(name, published))
            changed = True
        if changed:
            self.version += 1

    def load_again(self) -> None:
        """The same for a running service: trouble is logged, and what was known stays."""
        try:
            self.load()
        except Exception:  # noqa: BLE001
            # Whatever it is, visitors are still served what was published before.
            _log.exception("The published notices cannot be read; the known ones stay.")

    def __iter__(self) -> Iterator[Published]:
        return iter([published for _, published in self._sites.values()])

    @property
    def only(self) -> Published | None:
        """The site, where there is no other."""
        if len(self._sites) != 1:
            return None
        ((_, published),) = self._sites.values()
        return published

    def of_host(self, host: str) -> Published | None:
        """The site that has a host among its domains; the only one has every host."""
        if (only := self.only) is not None:
            return only
        for _, published in list(self._sites.values()):
            if any(host_matches(host, domain) for domain in published.notice.domains):
                return published
        return None

    def of_site(self, name: str) -> Published | None:
        return self._sites[name][1] if name in self._sites else None

    def of_notice(self, digest: object) -> Published | None:
        """The first site that has published a notice."""
        for _, published in list(self._sites.values()):
            if digest in published.terms:
                return published
        return None

    def _made_ready(self, site: str, published: list[PublishedNotice]) -> Published:
        for one in published:
            if one.digest not in self._terms:
                self._terms[one.digest] = Terms(decode_notice(one.body))
        notice = self._terms[published[-1].digest].notice
        digests = dict.fromkeys(one.digest for one in reversed(published))
        earlier = tuple(
            self._terms[digest].notice for digest in digests if digest != notice.digest
        )
        months = choice_months(notice, self._regime)
        bundles = {
            language: bundle(
                notice,
                language,
                earlier=earlier,
                months=months,
                endpoint=self._endpoint,
            )
            for language in notice.languages
        }
        scripts: dict[str, File] = {}
        for language, bundled in bundles.items():
            bodies = compressed(bundled.standalone)
            both = b"Accept-Encoding, Accept-Language"
            scripts[language] = file(bodies, _JAVASCRIPT, SHORT, both)
            kept = file(bodies, _JAVASCRIPT, FOR_EVER, b"Accept-Encoding")
            self.files[f"{self._endpoint}/banner.{kept.mark}.{language}.js"] = kept
        return Published(
            site=site,
            notice=notice,
            earlier=earlier,
            terms={
                name: self._terms[digest]
                for digest in reversed(digests)
                for name in (digest, self._terms[digest].mark)
            },
            published_at=published[-1].at,
            months=months,
            bundles=bundles,
            scripts=scripts,
        )


_JAVASCRIPT = b"text/javascript; charset=utf-8"
