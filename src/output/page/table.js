// Tables: a head of buttons that sort, rows with keys, paging, and the search box above them.

// A column is {key, label, cell(row), num, level, value(row)}: `level` 2 and 3 leave on narrow screens, `value` makes it
// sortable here, `sort` names the API's word for it.
function table(props) {
  const { caption, columns, rows, rowKey, sort, order } = props;
  return h(
    "div.table",
    {},
    h(
      "table",
      {},
      h("caption.unseen", {}, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) => headCell(column, sort, order, props.resort)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            { "data-key": rowKey(row) },
            columns.map((column, i) =>
              h(i === 0 ? "th" : "td", { class: cellClass(column), scope: i === 0 ? "row" : null }, column.cell(row)),
            ),
          ),
        ),
      ),
    ),
  );
}

const cellClass = (column) =>
  [column.num && "num", column.level && `level${column.level}`].filter(Boolean).join(" ") || null;

function headCell(column, sort, order, resort) {
  const word = column.sort || (column.value && column.key);
  if (!word || !resort) return h("th", { scope: "col", class: cellClass(column) }, column.label);
  const on = word === sort;
  const next = on && order === "desc" ? "asc" : on ? "desc" : column.first || (column.num ? "desc" : "asc");
  return h(
    "th",
    {
      scope: "col",
      class: cellClass(column),
      "aria-sort": on ? (order === "asc" ? "ascending" : "descending") : "none",
    },
    h(
      "button.sort",
      { type: "button", onclick: () => resort(word, next) },
      column.label,
      h("span.arrow", { "aria-hidden": "true" }, on ? (order === "asc" ? "▲" : "▼") : ""),
    ),
  );
}

// A table whose rows are all here: sorted by the query's `sort` and `order`.
function sortedTable(props, route) {
  const first = props.columns.find((column) => column.value);
  const sort = route.query.sort || props.sort || (first && first.key);
  const order = route.query.order || props.order || "desc";
  const column = props.columns.find((c) => c.key === sort && c.value);
  const rows = column
    ? [...props.rows].sort((a, b) => compare(column.value(a), column.value(b)) * (order === "asc" ? 1 : -1))
    : props.rows;
  return table({ ...props, rows, sort, order, resort: (by, way) => ask({ sort: by, order: way }) });
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
}

const PAGE = 50;

// Which part of a list is shown, and the way to the next.
function paging(list) {
  const { total, offset } = list;
  const limit = list.limit || PAGE;
  if (total <= limit && !offset) return total ? h("p.paging", {}, dim(`${count(total)} in all`)) : null;
  const step = (label, to, possible) =>
    h("button", { type: "button", disabled: !possible, onclick: () => ask({ offset: to || null }) }, label);
  return h(
    "nav.paging",
    { "aria-label": "Pages" },
    step("← Previous", Math.max(0, offset - limit), offset > 0),
    h("span.num", {}, `${count(offset + 1)}–${count(Math.min(offset + limit, total))} of ${count(total)}`),
    step("Next →", offset + limit, offset + limit < total),
  );
}

let typing = 0;

// The search box of a list; `/` leads to it, Escape empties it.
function searchBox(route, placeholder) {
  const search = (text, wait) => {
    clearTimeout(typing);
    typing = setTimeout(() => ask({ q: text.trim() || null, offset: null }), wait);
  };
  return h(
    "label.search",
    {},
    h("span.unseen", {}, placeholder),
    h("input", {
      id: "search",
      type: "search",
      placeholder,
      value: route.query.q || "",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "200",
      oninput: (e) => search(e.target.value, 250),
      onkeydown: (e) => {
        if (e.key === "Enter") search(e.target.value, 0);
        if (e.key === "Escape") {
          e.target.value = "";
          search("", 0);
          e.target.blur();
        }
      },
    }),
    h("kbd", { "aria-hidden": "true" }, "/"),
  );
}
