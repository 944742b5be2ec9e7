"use strict";
/* The page's own script: filters the flips, and lists, searches and compares the samples.
   It writes text only through textContent, so nothing in the data can become markup. */
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, classes, ...children) => {
    const node = document.createElement(name);
    if (classes) node.className = classes;
    for (const child of children) node.append(child);
    return node;
  };

  /* --- flips --- */
  const flips = [...document.querySelectorAll("details.flip")];
  if (flips.length > 1) {
    const metric = $("flip-metric"), winner = $("flip-winner"), against = $("flip-against");
    const filter = () => {
      let shown = 0;
      for (const flip of flips) {
        const keep = (!metric.value || flip.dataset.metric === metric.value)
          && (!winner.value || flip.dataset.winner === winner.value)
          && (!against || !against.value || flip.dataset.against === against.value);
        flip.hidden = !keep;
        shown += keep;
      }
      $("flip-count").textContent = `${shown} shown`;
    };
    for (const select of [metric, winner, against]) if (select) select.addEventListener("change", filter);
    $("flip-tools").hidden = false;
    filter();
  }

  /* --- words that only one text has --- */
  const MOST = 700;
  const wordsOf = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^]/gu) || [];
  function marked(text, other, kind) {
    const box = make("div", "text");
    box.dir = "auto";
    box.tabIndex = 0;
    if (!text) { box.append(make("em", "soft", "nothing")); return box; }
    const a = wordsOf(text), b = wordsOf(other);
    if (!b.length || a.length > MOST || b.length > MOST) { box.append(text); return box; }
    const width = b.length + 1, table = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    let run = "", own = false, i = 0, j = 0;
    const flush = () => {
      if (run) box.append(own ? make("mark", kind, run) : run);
      run = "";
    };
    const add = (word, isOwn) => { if (isOwn !== own) { flush(); own = isOwn; } run += word; };
    while (i < a.length) {
      if (j < b.length && a[i] === b[j]) { add(a[i], false); i++; j++; }
      else if (j < b.length && table[i * width + j + 1] >= table[(i + 1) * width + j]) j++;
      else { add(a[i], true); i++; }
    }
    flush();
    return box;
  }
  const plain = (text) => marked(text, "", "");

  /* --- samples --- */
  const block = $("s-data");
  if (!block) return;
  const SIZE = 25;
  const ID = 0, REPEAT = 1, SUITE = 2, INPUT = 3, TARGETS = 4, SLICES = 5, ANSWERS = 6;
  const TEXT = 0, VALUES = 1, FAILED = 2, UNPARSED = 3, LATENCY = 5;
  let data, found = [], page = 0;

  async function unpack() {
    if (block.dataset.packing !== "deflate") return JSON.parse(block.textContent);
    const bytes = Uint8Array.from(atob(block.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }
  const options = (select, names) => names.forEach((name, index) => {
    const option = make("option", "", name);
    option.value = index;
    select.append(option);
  });
  const choice = (id) => Number($(id).value);
  const value = (row, arm) => {
    const answer = row[ANSWERS][arm];
    const metric = choice("s-metric");
    return answer && answer[VALUES][metric] !== undefined ? answer[VALUES][metric] : null;
  };
  const gain = (row) => {
    const first = value(row, choice("s-first")), second = value(row, choice("s-second"));
    if (first === null || second === null) return null;
    return data.lower[choice("s-metric")] ? second - first : first - second;
  };
  const told = (number) => number === null ? "–" : String(Math.round(number * 1000) / 1000);
  const haystack = (row) => row.hay || (row.hay = [row[ID], row[INPUT], ...row[TARGETS],
    ...row[ANSWERS].map((answer) => answer ? answer[TEXT] : "")].join("\n").toLowerCase());

  function keeps(row) {
    const first = row[ANSWERS][choice("s-first")], second = row[ANSWERS][choice("s-second")];
    const by = gain(row), show = $("s-show").value, slice = $("s-slice") ? $("s-slice").value : "";
    if (slice && !Object.entries(row[SLICES]).some(([key, part]) => `${key}=${part}` === slice)) return false;
    if (show === "better" && !(by > 0)) return false;
    if (show === "worse" && !(by !== null && by < 0)) return false;
    if (show === "same" && by !== 0) return false;
    if (show === "failed" && !((first && first[FAILED]) || (second && second[FAILED]))) return false;
    if (show === "unparsed" && !((first && first[UNPARSED]) || (second && second[UNPARSED]))) return false;
    const search = $("s-search").value.trim().toLowerCase();
    return !search || haystack(row).includes(search);
  }
  const missingLast = (key) => (a, b) => {
    const x = key(a), y = key(b);
    return x === null ? (y === null ? 0 : 1) : y === null ? -1 : x - y;
  };
  const orders = {
    gain: missingLast((row) => { const by = gain(row); return by === null ? null : -by; }),
    loss: missingLast(gain),
    slow: missingLast((row) => { const answer = row[ANSWERS][choice("s-first")]; return answer && answer[LATENCY] ? -answer[LATENCY] : null; }),
    long: missingLast((row) => { const answer = row[ANSWERS][choice("s-first")]; return answer ? -answer[TEXT].length : null; }),
    id: (a, b) => (a[ID] < b[ID] ? -1 : a[ID] > b[ID] ? 1 : a[REPEAT] - b[REPEAT]),
  };

  function search() {
    found = data.rows.filter(keeps);
    const order = orders[$("s-sort").value];
    if (order) found.sort(order);
    page = 0;
    $("s-count").textContent = `${found.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")}`;
    $("s-head-first").textContent = data.arms[choice("s-first")];
    $("s-head-second").textContent = data.arms[choice("s-second")];
    draw();
  }
  function cell(row, arm) {
    const answer = row[ANSWERS][arm], node = make("td", "num label");
    node.dataset.label = data.arms[arm];
    if (!answer) node.textContent = "not asked";
    else if (answer[FAILED]) node.append(make("span", "chip fail", answer[FAILED]));
    else {
      node.textContent = told(value(row, arm));
      if (answer[UNPARSED]) node.append(" ", make("span", "tag", "nothing extracted"));
    }
    return node;
  }
  function detail(row) {
    const box = make("td"), first = choice("s-first"), second = choice("s-second");
    box.colSpan = 5;
    const asked = make("div", "asked", make("div", "", make("h3", "mini", "Asked"), plain(row[INPUT])));
    if (row[TARGETS].length) asked.append(make("div", "", make("h3", "mini", "Reference"), ...row[TARGETS].map(plain)));
    box.append(asked);
    const order = [first, second, ...data.arms.keys()].filter((arm, index, all) => all.indexOf(arm) === index);
    const sides = make("div", "sides");
    for (const arm of order) {
      const answer = row[ANSWERS][arm];
      if (!answer) continue;
      const other = row[ANSWERS][arm === first ? second : first];
      const about = [data.roles[arm]];
      data.metrics.forEach((name, index) => { if (answer[VALUES][index] != null) about.push(`${name} ${told(answer[VALUES][index])}`); });
      if (answer[LATENCY]) about.push(`${answer[LATENCY]} s`);
      const title = make("h3", "mini", data.arms[arm], " ", make("span", "tag", about.join(", ")));
      const words = answer[FAILED] ? make("p", "alert void", `no answer: ${answer[FAILED]}`)
        : marked(answer[TEXT], other && arm !== other ? other[TEXT] : "", arm === first ? "ours" : "theirs");
      sides.append(make("div", "", title, words));
    }
    box.append(sides);
    return make("tr", "detail", box);
  }
  function draw() {
    const body = $("s-body"), start = page * SIZE;
    body.replaceChildren(...found.slice(start, start + SIZE).map((row) => {
      const open = make("button", "open", row[REPEAT] ? `${row[ID]} (repeat ${row[REPEAT]})` : row[ID]);
      open.type = "button";
      open.setAttribute("aria-expanded", "false");
      const by = gain(row), change = make("td", "num label", by === null ? "–" : (by > 0 ? "+" : "") + told(by));
      change.dataset.label = "change";
      if (by) change.classList.add(by > 0 ? "good" : "bad");
      const head = make("th", "wide", open);
      head.scope = "row";
      const line = make("tr", "", head, make("td", "excerpt wide", row[INPUT].slice(0, 160)), cell(row, choice("s-first")), cell(row, choice("s-second")), change);
      open.addEventListener("click", () => {
        const isOpen = open.getAttribute("aria-expanded") === "true";
        open.setAttribute("aria-expanded", String(!isOpen));
        if (isOpen) line.nextElementSibling.remove();
        else line.after(detail(row));
      });
      return line;
    }));
    const pages = Math.max(1, Math.ceil(found.length / SIZE));
    $("s-page").textContent = `page ${page + 1} of ${pages}`;
    $("s-prev").disabled = page === 0;
    $("s-next").disabled = page + 1 >= pages;
    $("s-pager").hidden = pages === 1;
  }
  async function start() {
    data = await unpack();
    options($("s-metric"), data.metrics);
    options($("s-first"), data.arms);
    options($("s-second"), data.arms);
    const candidate = data.roles.indexOf("candidate"), baseline = data.roles.indexOf("baseline");
    $("s-first").value = candidate < 0 ? 0 : candidate;
    $("s-second").value = baseline < 0 ? Math.min(1, data.arms.length - 1) : baseline;
    for (const id of ["s-metric", "s-first", "s-second", "s-show", "s-slice", "s-sort"])
      if ($(id)) $(id).addEventListener("change", search);
    let waiting;
    $("s-search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 120); });
    $("s-prev").addEventListener("click", () => { page -= 1; draw(); });
    $("s-next").addEventListener("click", () => { page += 1; draw(); });
    $("sample-tools").hidden = false;
    $("s-table").hidden = false;
    search();
    document.body.dataset.samples = "ready";
  }
  /* After the first paint: a long list must not hold the verdict back. */
  requestAnimationFrame(() => setTimeout(start, 0));
})();
