// Sort and filter the overview. Without this the table is there, in the order of the files.
"use strict";
const table = document.querySelector(".overview"), body = table.tBodies[0];
const rows = [...body.rows], said = document.getElementById("shown");
const valueOf = (row, k) => row.cells[k].dataset.sort ?? row.cells[k].textContent.trim();
[...table.tHead.rows[0].cells].forEach((head, k) => {
  if (!("sorts" in head.dataset)) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const number = head.dataset.sorts === "number";
    rows.sort((one, other) => {
      const [a, b] = [valueOf(one, k), valueOf(other, k)];
      if (!a || !b) return (!a) - (!b);  // what is empty is last, either way
      const order = number ? a - b : a.localeCompare(b, undefined, { numeric: true });
      return down ? -order : order;
    });
    body.append(...rows);
  });
});
const tools = document.getElementById("tools"), words = tools.querySelector("input");
const states = [...tools.querySelectorAll("button")];
const filter = () => {
  const wanted = words.value.trim().toLowerCase();
  const some = states.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.state);
  let n = 0;
  for (const row of rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted)
      || (some.length > 0 && !some.includes(row.dataset.state));
    n += !row.hidden;
  }
  said.textContent = n === rows.length ? `${n} series` : `${n} of ${rows.length} series`;
};
words.addEventListener("input", filter);
for (const one of states) {
  one.addEventListener("click", () => {
    one.ariaPressed = String(one.ariaPressed !== "true");
    filter();
  });
}
tools.hidden = false;
filter();
