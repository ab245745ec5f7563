// The live page: the picture, the figures, and joint angles drawn from the record's events.
"use strict";

const SECONDS = 10;
const SURE = 0.3; // below this score a joint says nothing
// The angle at the middle joint between the other two, as docs/angles.md defines them. Colours: Okabe & Ito 2008; the right side is dashed.
const ANGLES = [
  ["elbow", ["shoulder", "elbow", "wrist"], "#e69f00"],
  ["shoulder", ["elbow", "shoulder", "hip"], "#56b4e9"],
  ["hip", ["shoulder", "hip", "knee"], "#009e73"],
  ["knee", ["hip", "knee", "ankle"], "#f0e442"],
].flatMap(([name, joints, color]) => ["left", "right"].map((side) => ({
  name: `${side} ${name}`, joints: joints.map((joint) => `${side}_${joint}`), color,
  dashed: side === "right", shown: name === "knee" || name === "elbow", points: [], output: null,
})));

const find = (id) => document.getElementById(id);
const [picture, hud, trouble, source, chooser, canvas] =
  ["picture", "hud", "trouble", "source", "person", "plot"].map(find);
let indices = {};
let now = 0;
let aspect = 1; // width / height of one pixel
let stale = true;

function angle(a, b, c) {
  const one = Math.atan2(a[1] - b[1], (a[0] - b[0]) * aspect);
  const two = Math.atan2(c[1] - b[1], (c[0] - b[0]) * aspect);
  const between = Math.abs(one - two) * 180 / Math.PI;
  return between > 180 ? 360 - between : between;
}

function takeHeader(header) {
  indices = Object.fromEntries(header.skeleton.keypoints.map((name, index) => [name, index]));
  aspect = header.source.pixel_aspect || 1;
  source.textContent = `${header.source.kind} ${header.source.path}`;
  for (const entry of ANGLES) entry.points = [];
}

function takeFrame(frame) {
  if (frame.time < now) for (const entry of ANGLES) entry.points = [];
  now = frame.time;
  listPeople(frame.people);
  const wanted = chooser.value;
  const person = frame.people.find((one) => wanted === "" || String(one.id) === wanted);
  const keypoints = person ? person.keypoints_smoothed || person.keypoints : [];
  for (const entry of ANGLES) {
    const joints = entry.joints.map((name) => keypoints[indices[name]]);
    const seen = joints.every((joint) => joint && joint[2] >= SURE);
    const value = seen ? angle(...joints) : null;
    entry.points.push([now, value]);
    while (entry.points.length && entry.points[0][0] < now - SECONDS) entry.points.shift();
    entry.output.textContent = value === null ? "–" : `${Math.round(value)}°`;
  }
  stale = true;
}

function listPeople(people) {
  const ids = people.map((one) => one.id).filter((id) => id !== null).map(String);
  const known = [...chooser.options].map((option) => option.value);
  for (const id of ids) if (!known.includes(id)) chooser.add(new Option(id, id));
  for (const option of [...chooser.options])
    if (option.value && !ids.includes(option.value) && option.value !== chooser.value) option.remove();
}

function draw() {
  requestAnimationFrame(draw);
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    stale = true;
  }
  if (!stale) return;
  stale = false;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const [left, top, bottom] = [38, 10, height - 22];
  const x = (time) => left + (width - left - 8) * (1 - (now - time) / SECONDS);
  const y = (degrees) => bottom - (bottom - top) * degrees / 180;
  pen.font = "11px system-ui, sans-serif";
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.fillStyle = "#9aa3ab";
  pen.strokeStyle = "#30363c";
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const degrees of [0, 45, 90, 135, 180]) {
    pen.beginPath();
    pen.moveTo(left, y(degrees));
    pen.lineTo(width - 8, y(degrees));
    pen.stroke();
    pen.fillText(`${degrees}°`, left - 5, y(degrees));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (let back = 0; back < SECONDS; back += 2) pen.fillText(back ? `-${back} s` : "now", x(now - back) - 8, bottom + 6);
  pen.lineWidth = 2;
  pen.lineCap = "round"; // a value without neighbours is a dot
  for (const entry of ANGLES) {
    if (!entry.shown) continue;
    pen.strokeStyle = entry.color;
    pen.setLineDash(entry.dashed ? [5, 4] : []);
    pen.beginPath();
    let down = false;
    for (const [time, value] of entry.points) {
      if (value !== null) {
        if (!down) pen.moveTo(x(time) - 0.5, y(value));
        pen.lineTo(x(time), y(value));
      }
      down = value !== null;
    }
    pen.stroke();
  }
}

function listAngles() {
  for (const entry of ANGLES) {
    const button = document.createElement("button");
    button.style.setProperty("--color", entry.color);
    button.setAttribute("aria-pressed", entry.shown);
    entry.output = document.createElement("output");
    entry.output.textContent = "–";
    button.classList.toggle("dashed", entry.dashed);
    button.append(entry.name, entry.output);
    button.addEventListener("click", () => {
      entry.shown = !entry.shown;
      button.setAttribute("aria-pressed", entry.shown);
      stale = true;
    });
    const item = document.createElement("li");
    item.append(button);
    find("legend").append(item);
  }
}

function warn(text) {
  trouble.hidden = !text;
  trouble.textContent = text;
}

function connect() {
  const query = new URLSearchParams(location.search);
  query.set("hud", "1");
  const events = new EventSource(`poses?${query}`);
  events.onopen = () => {
    query.set("again", Date.now()); // a picture that broke off is asked for anew
    picture.src = `stream.mjpg?${query}`;
    warn("");
  };
  events.onmessage = (event) => {
    const entry = JSON.parse(event.data);
    if (entry.type === "header") takeHeader(entry);
    if (entry.type === "frame") takeFrame(entry);
    if (entry.type === "footer") warn("The run has ended.");
  };
  events.addEventListener("hud", (event) => {
    const values = JSON.parse(event.data);
    hud.textContent = `${values.numbers}  ${values.condition}`;
    warn(values.trouble);
  });
  events.onerror = () => { if (trouble.hidden) warn("No connection; trying again."); };
}

listAngles();
connect();
draw();
