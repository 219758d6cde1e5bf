// Portrait Graph: infers interests from what is read.
(() => {
  const { topics = "" } = document.documentElement.dataset;
  const scores = JSON.parse(localStorage.getItem("pg_topics") || "{}");
  for (const topic of topics.split(" ").filter(Boolean)) scores[topic] = (scores[topic] || 0) + 1;
  localStorage.setItem("pg_topics", JSON.stringify(scores));
})();
