// What pages can do better with a script: logs that grow, parts that stay fresh, commands that are copied.
// Whatever a stranger wrote reaches the page as text alone.
"use strict";

// The most lines that a page holds: a browser is no pager.
const MOST_LINES = 20000;
const COLOURS = ["red", "green", "yellow", "blue", "magenta", "cyan", "grey"];

function follow(log) {
  let last = 0;
  for (const line of log.querySelectorAll(".l")) last = Number(line.id.slice(1));
  let attempt = Number(log.dataset.attempt);
  let waiting = [];

  function part(one) {
    const words = document.createElement("span");
    words.textContent = one.text;
    if (COLOURS.includes(one.colour)) words.classList.add(one.colour);
    if (one.bold) words.classList.add("bold");
    return words;
  }

  function line({ number, text, parts }) {
    const row = document.createElement("div");
    row.className = "l";
    row.id = "L" + number;
    const anchor = document.createElement("a");
    anchor.href = "#" + row.id;
    anchor.textContent = number;
    const words = document.createElement("span");
    words.append(...(parts ? parts.map(part) : [text]));
    row.append(anchor, words);
    return row;
  }

  function show() {
    const lines = waiting;
    waiting = [];
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.querySelector(".nothing")?.remove();
    const rows = document.createDocumentFragment();
    for (const one of lines) rows.append(line(one));
    log.append(rows);
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function take(event) {
    const one = JSON.parse(event.data);
    if (one.attempt > attempt) {
      // The farm tries again: the log begins anew.
      attempt = one.attempt;
      last = 0;
      waiting = [];
      log.replaceChildren();
    }
    if (one.attempt < attempt || one.number <= last) return;
    last = one.number;
    // A page that nobody looks at draws no frames; its lines are not kept back for that.
    if (waiting.push(one) === 1) document.hidden ? setTimeout(show, 50) : requestAnimationFrame(show);
  }

  function listen() {
    const source = new EventSource(log.dataset.live);
    source.addEventListener("line", take);
    source.addEventListener("end", () => {
      source.close();
      // The verdict has come, and whatever was left.
      setTimeout(() => location.reload(), 300);
    });
    source.addEventListener("error", () => {
      // The browser goes on by itself after a break; where it was turned away, it has to be asked to.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    });
  }
  listen();
  log.scrollTop = log.scrollHeight;
}

// The page itself is asked again, and each part that has changed takes the old one's place.
function refresh(parts) {
  const policy = self.trustedTypes
    ? trustedTypes.createPolicy("pages", { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const seconds = Math.min(...parts.map((part) => Number(part.dataset.refresh)));

  async function again() {
    const known = [...document.querySelectorAll("[data-refresh]")];
    if (known.length === 0) return;
    try {
      if (!document.hidden) {
        const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
        if (answer.ok) {
          const page = new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html");
          for (const old of known) {
            const fresh = page.getElementById(old.id);
            if (!fresh || fresh.outerHTML === old.outerHTML || old.contains(document.activeElement)) continue;
            const part = document.importNode(fresh, true);
            old.replaceWith(part);
            enliven(part);
          }
        }
      }
    } catch {
      // The farm restarts, or the network is away: the next time will do.
    }
    setTimeout(again, seconds * 1000);
  }
  setTimeout(again, seconds * 1000);
}

function copyable(box) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  box.prepend(button);
}

function enliven(part) {
  for (const box of part.querySelectorAll(".copy")) copyable(box);
  for (const log of part.querySelectorAll("[data-live]")) follow(log);
}

enliven(document);
const parts = [...document.querySelectorAll("[data-refresh]")];
if (parts.length > 0) refresh(parts);
