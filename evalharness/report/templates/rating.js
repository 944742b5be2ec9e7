"use strict";
(() => {
  const pack = JSON.parse(document.getElementById("pack").textContent);
  const page = document.getElementById("page");
  const pairs = pack.kind === "preference";
  const store = "rating-" + pack.pack;
  let state = { annotator: "", at: 0, answers: {} };
  try { state = Object.assign(state, JSON.parse(localStorage.getItem(store) || "{}")); } catch (e) { /* a page may have no storage */ }
  const keep = () => { try { localStorage.setItem(store, JSON.stringify(state)); } catch (e) { /* as above */ } };
  const make = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text || "" }, more || {});
  const scores = [];
  for (let score = pack.scale[0]; score <= pack.scale[1]; score += 1) scores.push(score);
  const keys = pairs
    ? { "1": "left", ArrowLeft: "left", "2": "right", ArrowRight: "right", "0": "tie", t: "tie" }
    : Object.fromEntries(scores.map((score) => [String(score), score]));
  const now = () => pack.items[state.at];
  const said = () => state.answers[now().item];
  const value = (answer) => (answer ? (pairs ? answer.choice : answer.score) : undefined);

  function answer(what) {
    const before = said() || { comment: "" };
    state.answers[now().item] = pairs ? { choice: what, comment: before.comment } : { score: what, comment: before.comment };
    state.at = Math.min(state.at + 1, pack.items.length - 1);
    keep();
    show();
  }
  function move(step) {
    state.at = Math.max(0, Math.min(pack.items.length - 1, state.at + step));
    keep();
    show();
  }
  function save() {
    if (!state.annotator.trim()) { document.getElementById("name").focus(); return; }
    const told = { pack: pack.pack, annotator: state.annotator.trim(), answers: state.answers };
    const link = make("a", "", { download: "rating-" + pack.pack + "-" + told.annotator.replace(/[^A-Za-z0-9_-]/g, "_") + ".json" });
    link.href = URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }));
    document.body.append(link);
    link.click();
    link.remove();
  }
  function panel(title, text, chosen) {
    const box = make("section", "", { className: chosen ? "chosen" : "" });
    box.append(make("h2", title), make("pre", text));
    return box;
  }
  function show() {
    const item = now();
    const done = Object.keys(state.answers).length;
    const name = make("input", "", { id: "name", value: state.annotator, placeholder: "your name" });
    name.setAttribute("aria-label", "your name");
    name.addEventListener("input", () => { state.annotator = name.value; keep(); });
    const status = make("p", "Item " + (state.at + 1) + " of " + pack.items.length + ", " + done + " judged");
    status.setAttribute("role", "status");
    const answers = make("div", "", { className: "answers" });
    const chosen = value(said());
    if (pairs) {
      answers.append(panel("Left (1)", item.answers[0], chosen === "left"), panel("Right (2)", item.answers[1], chosen === "right"));
    } else {
      answers.append(panel("Answer", item.answers[0], false));
    }
    const buttons = make("div");
    const offers = pairs ? [["1 left", "left"], ["0 tie", "tie"], ["2 right", "right"]] : scores.map((score) => [String(score), score]);
    for (const [label, what] of offers) {
      const button = make("button", label, { type: "button", id: "say-" + what });
      button.setAttribute("aria-pressed", String(chosen === what));
      button.addEventListener("click", () => answer(what));
      buttons.append(button);
    }
    const comment = make("textarea", "", { rows: 2, value: (said() || {}).comment || "", placeholder: "why (if you like)" });
    comment.setAttribute("aria-label", "why");
    comment.disabled = !said();
    comment.addEventListener("input", () => { said().comment = comment.value; keep(); });
    const walk = make("div");
    for (const [label, act] of [["p back", () => move(-1)], ["n next", () => move(1)], ["s save", save]]) {
      const button = make("button", label, { type: "button" });
      button.addEventListener("click", act);
      walk.append(button);
    }
    const beside = Object.entries(item.shown || {}).map(([title, text]) => panel(title, text, false));
    page.replaceChildren(make("h1", pairs ? "Which answer is better?" : "How good is this answer?"), name, status,
      panel("Question", item.question, false), ...beside, make("p"), answers, buttons, comment, walk);
  }
  document.addEventListener("keydown", (event) => {
    if (/^(INPUT|TEXTAREA)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in keys) answer(keys[event.key]);
    else if (event.key === "n") move(1);
    else if (event.key === "p") move(-1);
    else if (event.key === "s") save();
    else return;
    event.preventDefault();
  });
  show();
})();
