// The page of `shufflecam plot --html`: charts of the record, the video, and one playhead for all.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const video = find("video");
const canvas = find("skeleton");
const [times, start] = [data.times, data.start];
const first = times.length ? times[0] : 0;
const last = times.length > 1 ? times[times.length - 1] : first + 1;
const MARGIN = { left: 46, right: 8, top: 8, bottom: 20 };
const charts = [];
let now = first; // in the record's time

function make(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

// The last frame that is shown at a time: times rise.
function frameAt(time) {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (times[middle] <= time + 0.0005) low = middle; else high = middle - 1;
  }
  return low;
}

function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) found.push(tick);
  return found;
}

function label(value) {
  return String(Math.round(value * 1000) / 1000);
}

class Chart {
  constructor(chart) {
    this.chart = chart;
    this.box = document.createElement("div");
    this.box.className = "chart";
    const title = document.createElement("h2");
    title.textContent = chart.title;
    const legend = document.createElement("ul");
    legend.className = "legend";
    for (const line of chart.lines) {
      const item = document.createElement("li");
      item.style.setProperty("--color", line.color);
      item.classList.toggle("dashed", Boolean(line.dashed));
      line.output = document.createElement("output");
      item.append(line.name, line.output);
      item.addEventListener("click", () => {
        line.hidden = item.classList.toggle("off");
        this.draw();
      });
      legend.append(item);
    }
    this.svg = make("svg", { role: "img", "aria-label": `${chart.title} over time` });
    this.box.append(title, legend, this.svg);
    find("charts").append(this.box);
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.seek(event);
    });
    this.svg.addEventListener("pointermove", (event) => { if (event.buttons) this.seek(event); });
  }

  seek(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    goTo(first + Math.min(1, Math.max(0, share)) * (last - first));
  }

  draw() {
    const [width, height] = [this.svg.clientWidth, this.svg.clientHeight];
    const values = this.chart.lines.filter((line) => !line.hidden)
      .flatMap((line) => line.values).filter((value) => value !== null);
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    if (low > high) [low, high] = [0, 1];
    const room = (high - low) * 0.05 || 1;
    [low, high] = [low - room, high + room];
    this.x = (time) => MARGIN.left + (width - MARGIN.left - MARGIN.right) * (time - first) / (last - first);
    const y = (value) => height - MARGIN.bottom
      - (height - MARGIN.top - MARGIN.bottom) * (value - low) / (high - low);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const tick of ticks(low, high, 6)) {
      make("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }, this.svg);
      make("text", { x: MARGIN.left - 5, y: y(tick) + 4, "text-anchor": "end" }, this.svg).textContent = label(tick);
    }
    for (const tick of ticks(first, last, Math.max(2, width / 90))) {
      make("text", { x: this.x(tick), y: height - 5, "text-anchor": "middle" }, this.svg).textContent = `${label(tick)} s`;
    }
    for (const line of this.chart.lines) {
      if (line.hidden) continue;
      let [path, dots, down] = ["", "", false];
      line.values.forEach((value, index) => {
        if (value !== null) {
          const point = `${this.x(times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
          path += down ? `L${point}` : `M${point}`;
          // A frame that stands alone between two gaps.
          const next = line.values[index + 1];
          if (!down && (next === null || next === undefined)) dots += `M${point}l0 0`;
        }
        down = value !== null;
      });
      const drawn = make("path", { class: "line", d: path, stroke: line.color }, this.svg);
      if (dots) make("path", { class: "line dots", d: dots, stroke: line.color }, this.svg);
      if (line.dashed) drawn.setAttribute("stroke-dasharray", "5 4");
    }
    this.head = make("line", { class: "head", y1: MARGIN.top, y2: height - MARGIN.bottom }, this.svg);
    this.mark();
  }

  mark() {
    const frame = frameAt(now);
    const x = this.x(Math.min(last, Math.max(first, now)));
    this.head.setAttribute("x1", x);
    this.head.setAttribute("x2", x);
    for (const line of this.chart.lines) {
      const value = line.values[frame];
      line.output.textContent = value === null || value === undefined ? "–" : `${Math.round(value * 10) / 10}${this.chart.unit}`;
    }
  }
}

function drawSkeleton() {
  if (!video) return;
  const [width, height] = [video.clientWidth, video.clientHeight];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const pose = data.poses[frameAt(now)];
  const [w, h] = data.size || [video.videoWidth, video.videoHeight];
  const beside = now < first - 0.0005 || now > last + 0.5;
  if (!find("drawn").checked || !pose || !pose.length || !w || beside) return;
  // The picture stands in the middle of the element.
  const scale = Math.min(width / w, height / h);
  const [left, top] = [(width - w * scale) / 2, (height - h * scale) / 2];
  const at = (joint) => [left + (pose[2 * joint] + 0.5) * scale, top + (pose[2 * joint + 1] + 0.5) * scale];
  const seen = (joint) => pose[2 * joint] !== null && pose[2 * joint + 1] !== null;
  const line = Math.max(2, Math.min(width, height) / 180);
  for (const [color, extra] of [["#000a", 2], ["#ffd54a", 0]]) {
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = line + extra;
    pen.lineCap = "round";
    pen.beginPath();
    for (const [a, b] of data.edges) {
      if (!seen(a) || !seen(b)) continue;
      pen.moveTo(...at(a));
      pen.lineTo(...at(b));
    }
    pen.stroke();
    for (let joint = 0; joint < pose.length / 2; joint++) {
      if (!seen(joint)) continue;
      pen.beginPath();
      pen.arc(...at(joint), line * 1.3 + extra / 2, 0, 7);
      pen.fill();
    }
  }
}

function show() {
  for (const chart of charts) chart.mark();
  find("clock").textContent = times.length ? `${now.toFixed(2)} s, frame ${frameAt(now)}` : "";
  drawSkeleton();
}

function goTo(time) {
  now = time;
  // A little after the frame's begin: browsers round, and would show the one before.
  if (video && Number.isFinite(video.duration)) video.currentTime = Math.max(0, time - start + 0.001);
  show();
}

function follow() {
  requestAnimationFrame(follow);
  if (!video || video.paused || video.seeking) return;
  now = video.currentTime + start;
  show();
}

for (const chart of data.charts) charts.push(new Chart(chart));
const redraw = () => { for (const chart of charts) chart.draw(); show(); };
addEventListener("resize", redraw);
find("drawn").addEventListener("change", drawSkeleton);
find("rate").addEventListener("change", (event) => { if (video) video.playbackRate = Number(event.target.value); });
addEventListener("keydown", (event) => {
  if (event.target !== document.body) return;
  const step = { ",": -1, ".": 1 }[event.key];
  if (step) {
    if (video) video.pause();
    goTo(times[Math.min(times.length - 1, Math.max(0, frameAt(now) + step))]);
  }
  if (event.key === " " && video) {
    event.preventDefault();
    if (video.paused) video.play(); else video.pause();
  }
});
if (video) {
  video.addEventListener("loadeddata", () => { goTo(first); redraw(); });
  video.addEventListener("seeked", () => {
    // The video's own controls were used.
    if (Math.abs(video.currentTime + start - now) > 0.01) now = video.currentTime + start;
    show();
  });
  video.addEventListener("error", () => {
    find("trouble").hidden = false;
    find("trouble").textContent = "This browser cannot play the video; the plots work without it.";
  });
} else {
  for (const part of document.querySelectorAll("#controls label")) part.hidden = true;
}
redraw();
follow();
