// Ricochet: remembers which articles were read, so that the paper can choose others.
(() => {
  const article = document.documentElement.dataset.article;
  const found = /(?:^|; )rc_seen=([^;]*)/.exec(document.cookie);
  const seen = (found ? found[1] : "").split(".").filter(Boolean);
  const kept = article ? [...seen.filter((id) => id !== article), article] : seen;
  document.cookie = `rc_seen=${kept.slice(-12).join(".")}; path=/; max-age=15724800; samesite=lax`;
})();
