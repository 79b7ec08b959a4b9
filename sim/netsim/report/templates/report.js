(function () {
  "use strict";
  var config = { displaylogo: false, responsive: true, displayModeBar: false };
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  var print_width = 680, clear = "rgba(0,0,0,0)";
  function ink() { return getComputedStyle(document.documentElement).getPropertyValue("--ink").trim(); }
  function draw(div) {
    if (div.dataset.drawn) { return; }
    div.dataset.drawn = "1";
    var found = JSON.parse(document.getElementById("data-" + div.id).textContent);
    found.layout.paper_bgcolor = found.layout.plot_bgcolor = clear;
    found.layout.font.color = ink();
    Plotly.newPlot(div, found.data, found.layout, config);
  }
  // One after the other, those on top first, so that the page answers while it draws.
  function next() {
    var waiting = shown().filter(function (div) { return !div.dataset.drawn; });
    if (waiting.length) { draw(waiting[0]); setTimeout(next, 0); } else { document.documentElement.classList.add("drawn"); }
  }
  // Those in a closed box wait until it is opened.
  function shown() { return plots.filter(function (div) { return !div.closest("details:not([open])"); }); }
  function each(change) { shown().forEach(function (div) { draw(div); Plotly.relayout(div, change(div)); }); }
  // What is in view is there when the page counts as loaded: a picture of a tall window has all of them.
  shown().filter(function (div) { return div.getBoundingClientRect().top < innerHeight; }).forEach(draw);
  setTimeout(next, 0);
  document.querySelectorAll("details").forEach(function (box) { box.addEventListener("toggle", next); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    each(function () { return { "font.color": ink() }; });
  });
  addEventListener("beforeprint", function () {
    each(function () { return { width: print_width, "font.color": "#1f2933" }; });
  });
  addEventListener("afterprint", function () {
    each(function () { return { width: null, autosize: true, "font.color": ink() }; });
  });
})();
