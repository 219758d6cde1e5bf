// Vigie: a security check. It looks at the page it is in and stores nothing.
(() => {
  document.documentElement.dataset.vigie = window.top === window ? "ok" : "framed";
})();
