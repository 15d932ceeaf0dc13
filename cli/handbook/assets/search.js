// Finds sections of the handbook: every word must be there; a word in the title counts most.
"use strict";

const asked = new URLSearchParams(location.search).get("q") || "";
const found = document.getElementById("found");
const hits = document.getElementById("hits");
const SHOWN = 40;
const AROUND = 80;

function points(section, words) {
  const title = section.title.toLowerCase();
  const text = section.text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    if (title.includes(word)) sum += 10;
    else if (text.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word));
  const from = Math.max(0, at - AROUND);
  return (from ? "… " : "") + text.slice(from, at + AROUND) + (at + AROUND < text.length ? " …" : "");
}

function show(sections) {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) {
    found.textContent = "Type what you look for above.";
    return;
  }
  const ranked = sections
    .map((section) => ({ section, sum: points(section, words) }))
    .filter((one) => one.sum)
    .sort((a, b) => b.sum - a.sum)
    .slice(0, SHOWN);
  found.textContent = `${ranked.length} found for “${asked}”.`;
  for (const { section } of ranked) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = section.page;
    link.textContent = section.title;
    const text = document.createElement("p");
    text.textContent = excerpt(section.text, words[0]);
    item.append(link, text);
    hits.append(item);
  }
}

document.getElementById("q").value = asked;
fetch("search.json")
  .then((answer) => answer.json())
  .then(show)
  .catch(() => {
    found.textContent = "The index cannot be read. Open the handbook from a server: python -m http.server";
  });
