// Walks through the markup that page.py writes: all is there already, this shows and hides it.
//
//   const stepper = mount(element, data, { onStep: (step) => …, goto: 3 });
//   stepper.show(5);        // go to a step
//   stepper.update(data);   // other numbers: { html, root, nodes, links, steps }
//   stepper.destroy();      // stop listening

const PAUSE = 1600; // milliseconds per step while playing
const TOLERANCE = 0.01; // of the gradient, in the quiz

/**
 * Let a reader walk through the steps in an element.
 *
 * @param {HTMLElement} element holds the markup already, unless data.html has it.
 * @param {object} data root, nodes, links and steps, as page.py's data() describes them.
 * @param {object} options onStep: called with the number of each step that the reader goes to;
 *   goto: where to begin; alone: whether keys count wherever the focus is on the page.
 */
export function mount(element, data, { onStep = () => {}, goto = 0, alone = false } = {}) {
  const walk = new Walk(element, data, { onStep, alone });
  walk.show(goto);
  return {
    show: (step) => walk.show(step),
    update: (newData) => walk.update(newData),
    destroy: () => walk.destroy(),
    get step() {
      return walk.step;
    },
  };
}

/** Mount an element with the data in it, unless that is done already. */
export function mountOnce(element, options) {
  if (element.dataset.mounted) return;
  element.dataset.mounted = "true";
  const data = element.querySelector('script[type="application/json"]').textContent;
  mount(element, JSON.parse(data), options);
}

class Walk {
  constructor(element, data, { onStep, alone }) {
    this.element = element;
    this.onStep = onStep;
    this.alone = alone;
    this.step = 0;
    this.chosen = null; // a node that was clicked: its chain rule is unfolded
    this.unfolded = false;
    this.timer = null;
    this.quiz = new Quiz();
    element.classList.add("stepgrad-stepper", "walking");
    element.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys to us
    element.tabIndex = -1; // a click anywhere brings the keys here
    this.makeControls();
    this.read(data);
    this.listen();
  }

  /** Take over other numbers, and stay at the same step. */
  update(data) {
    const inGraph = this.svg.contains(this.focused());
    this.read(data);
    this.show(this.step);
    if (inGraph) this.nodes[this.focusable]?.focus({ preventScroll: true });
  }

  /** Take the picture and the steps apart, and put them in their places. */
  read(data) {
    const source = data.html ? parsed(data.html) : this.element;
    this.data = data;
    this.last = data.steps.length - 1;
    const { scrollLeft, scrollTop } = this.graph ?? {};
    this.graph = source.querySelector(".graph");
    this.svg = this.graph.querySelector("svg") ?? drawnInline(this.graph.querySelector("img"));
    this.svg.setAttribute("role", "group");
    this.nodes = [...this.svg.querySelectorAll(".node")];
    this.edges = [...this.svg.querySelectorAll(".edge")];
    this.numbers = [...this.svg.querySelectorAll(".local")];
    this.tooltips = this.nodes.map((node) => node.querySelector("title").textContent.split("\n"));
    for (const [place, node] of this.nodes.entries()) {
      node.setAttribute("role", "button");
      node.addEventListener("click", () => this.choose(place));
    }
    const steps = source.querySelector(".steps");
    this.items = [...steps.children];
    this.chains = new Map();
    for (const chain of steps.querySelectorAll("details.chain")) {
      this.chains.set(Number(chain.dataset.place), chain);
      chain.addEventListener("toggle", () => this.rememberFolding(chain));
      chain.remove();
    }
    this.picture.replaceChildren(this.graph);
    Object.assign(this.graph, { scrollLeft, scrollTop });
    this.story.replaceChildren(steps);
    this.foot.replaceChildren(this.keys, source.querySelector(".legend"));
    this.measure();
  }

  /** Fit the slider, and the names of the passes above it, to the number of steps. */
  measure() {
    const last = this.data.steps.findLastIndex((step) => step.phase === "forward");
    const [there, back] = this.passes.children;
    there.style.flexGrow = last + 1;
    back.style.flexGrow = this.last - last;
    this.slider.max = this.last;
  }

  // Where we are ------------------------------------------------------------------------------

  get now() {
    return this.data.steps[this.step];
  }

  /** The node that the step is about; among the given leaves, the one that was clicked. */
  get current() {
    return this.now.node ?? this.chosen;
  }

  /** The node that the tab key leads to. */
  get focusable() {
    return this.current ?? (this.now.phase === "forward" ? 0 : this.nodes.length - 1);
  }

  /** Go to a step, as the reader asked for. */
  go(step, chosen = null) {
    const before = this.step;
    this.chosen = chosen;
    this.show(step);
    if (this.step !== before) this.onStep(this.step);
  }

  show(step) {
    this.step = Math.max(0, Math.min(this.last, Math.round(Number(step)) || 0));
    const asking = this.isAsking();
    this.showGraph(asking);
    this.showPanel(asking);
    this.showControls();
    this.announce(asking);
    if (this.step === this.last || asking) this.pause();
  }

  /** Jump to a clicked node's step of the present pass, and unfold its chain rule. */
  choose(place) {
    const { computed, swept } = this.data.nodes[place];
    const backward = this.now.phase === "backward" && swept !== null;
    this.pause();
    this.unfolded = true;
    this.go(backward ? swept : computed, place);
    this.nodes[place].focus({ preventScroll: true });
  }

  /** Whether the step tells a gradient that can be predicted: not that of the root. */
  get isQuestion() {
    const { phase, node } = this.now;
    return phase === "backward" && node !== null && node !== this.nodes.length - 1;
  }

  isAsking() {
    return this.quiz.on && this.isQuestion && !this.quiz.isSettled(this.step);
  }

  // Showing it --------------------------------------------------------------------------------

  showGraph(asking) {
    const { phase, links } = this.now;
    this.svg.classList.toggle("backward", phase === "backward");
    this.svg.classList.toggle("asking", asking);
    for (const [place, node] of this.nodes.entries()) {
      const { computed, swept } = this.data.nodes[place];
      const asked = asking && place === this.now.node;
      const known = swept !== null && swept <= this.step && !asked;
      node.classList.toggle("computed", computed <= this.step);
      node.classList.toggle("swept", known);
      node.classList.toggle("current", place === this.current);
      node.classList.toggle("fresh", this.step === 0 && computed === 0);
      if (asked !== node.classList.contains("asked")) {
        node.classList.toggle("asked", asked);
        node.querySelector(".no-gradient").textContent = asked ? "?" : "·";
      }
      const lines = 2 + (computed <= this.step) + known; // name, operation, data, grad
      node.querySelector("title").textContent = this.tooltips[place].slice(0, lines).join("\n");
      setAttribute(node, "tabindex", place === this.focusable ? "0" : "-1");
      setAttribute(node, "aria-label", this.describe(place, computed <= this.step, known));
      setAttribute(node, "aria-current", place === this.current ? "step" : null);
    }
    for (const [place, edge] of this.edges.entries()) {
      edge.classList.toggle("carrying", links.includes(place));
    }
    for (const number of this.numbers) {
      const place = Number(number.dataset.place);
      number.classList.toggle("known", this.data.links[place] <= this.step);
      number.classList.toggle("carrying", phase === "backward" && links.includes(place));
    }
    if (this.current !== null) bringIntoView(this.graph, this.nodes[this.current]);
  }

  describe(place, isComputed, isSwept) {
    const { name, kind, value, gradient } = this.data.nodes[place];
    const parts = [`${name}, ${kind}`];
    if (isComputed) parts.push(`value ${value}`);
    if (isSwept) parts.push(`gradient ${gradient}`);
    return parts.join(", ");
  }

  showPanel(asking) {
    const { phase, node } = this.now;
    for (const [number, item] of this.items.entries()) item.hidden = number !== this.step;
    const item = this.items[this.step];
    for (const part of item.querySelectorAll(".equation, .check, .inside")) part.hidden = asking;
    const pass = phase === "forward" ? "Forward pass" : "Backward pass";
    const title = node === null ? "" : this.data.nodes[node].name;
    this.heading.replaceChildren(
      make("span", {}, `${pass}, step ${this.step + 1} of ${this.last + 1}`),
      make("b", {}, title),
    );
    const chain = asking ? undefined : this.chains.get(this.current);
    if (chain) chain.open = this.unfolded;
    this.chainPlace.replaceChildren(...(chain ? [chain] : []));
    this.showJump(asking);
    this.showQuiz(asking);
  }

  /** Offer the way from a node's value to its gradient, and back. */
  showJump(asking) {
    const node = this.current === null ? null : this.data.nodes[this.current];
    const forward = this.now.phase === "forward";
    const target = node && (forward ? node.swept : node.computed);
    this.jump.hidden = asking || node === null || target === null || target === this.step;
    if (this.jump.hidden) return;
    this.jump.textContent = forward
      ? `To the gradient of ${node.name} →`
      : `← To the value of ${node.name}`;
    this.jump.onclick = () => this.go(target, this.current);
  }

  showControls() {
    const { phase } = this.now;
    this.slider.value = this.step;
    this.slider.setAttribute("aria-valuetext", `step ${this.step + 1} of ${this.last + 1}, ${phase}`);
    for (const name of ["first", "back"]) this.disable(name, this.step === 0);
    for (const name of ["next", "last"]) this.disable(name, this.step === this.last);
    const [there, back] = this.passes.children;
    there.classList.toggle("now", phase === "forward");
    back.classList.toggle("now", phase === "backward");
    this.score.textContent = this.quiz.score();
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = this.graph;
    const fits = scrollWidth <= clientWidth + 1 && scrollHeight <= clientHeight + 1;
    this.whole.hidden = fits && !this.isWhole;
  }

  get isWhole() {
    return this.picture.classList.contains("whole");
  }

  /** Shrink the graph until all of it can be seen, or give it its usual size again. */
  showWhole(whole) {
    this.picture.classList.toggle("whole", whole);
    this.whole.setAttribute("aria-pressed", String(whole));
    this.show(this.step);
  }

  disable(name, off) {
    this.buttons[name].setAttribute("aria-disabled", String(off));
  }

  announce(asking) {
    const { phase, sentence } = this.now;
    const outcome = asking ? " What is its gradient?" : this.outcome();
    const text = `Step ${this.step + 1} of ${this.last + 1}, ${phase}. ${sentence}${outcome}`;
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  /** Say the number that the step computes, unless its sentence does. */
  outcome() {
    const { phase, node } = this.now;
    if (this.isQuestion) {
      const { name, gradient } = this.data.nodes[node];
      return ` The gradient of ${name} is ${gradient}.`;
    }
    if (phase === "backward" || node === null) return "";
    const { name, value } = this.data.nodes[node];
    return ` ${name} is ${value}.`;
  }

  rememberFolding(chain) {
    if (chain.isConnected) this.unfolded = chain.open;
  }

  // Playing -----------------------------------------------------------------------------------

  play() {
    if (this.step === this.last) this.go(0);
    this.timer = setInterval(() => {
      if (this.element.isConnected) this.go(this.step + 1);
      else this.pause();
    }, PAUSE);
    this.showPlaying();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.showPlaying();
  }

  toggle() {
    if (this.timer === null) this.play();
    else this.pause();
  }

  showPlaying() {
    const playing = this.timer !== null;
    setLabel(this.buttons.play, playing ? "Pause" : "Play");
    this.buttons.play.replaceChildren(icon(playing ? "pause" : "play"));
  }

  // The quiz ----------------------------------------------------------------------------------

  showQuiz(asking) {
    this.form.hidden = !asking;
    const verdict = this.quiz.on ? this.quiz.verdict(this.step) : "";
    this.verdict.textContent = verdict;
    this.verdict.className = `verdict ${this.quiz.mark(this.step)}`;
    if (!asking) return;
    const { name } = this.data.nodes[this.now.node];
    this.form.querySelector("label").firstChild.textContent = `∂${this.data.root}/∂${name} = `;
    if (this.form.dataset.step !== String(this.step)) this.answer.value = "";
    this.form.dataset.step = this.step;
  }

  submit(event) {
    event.preventDefault();
    const truth = toNumber(this.data.nodes[this.now.node].exact);
    const settled = this.quiz.answer(this.step, this.answer.value, truth);
    this.show(this.step);
    if (settled) this.buttons.next.focus();
    else this.answer.select();
  }

  reveal() {
    this.quiz.giveUp(this.step);
    this.show(this.step);
    this.buttons.next.focus();
  }

  /** Let the reader type at once, where there is a question. */
  focusAnswer() {
    if (!this.form.hidden) this.answer.focus({ preventScroll: true });
  }

  switchQuiz(on) {
    this.quiz = new Quiz(on);
    if (on && !this.isQuestion) this.go(this.data.nodes.at(-1).swept + 1);
    else this.show(this.step);
    this.focusAnswer();
  }

  // The controls ------------------------------------------------------------------------------

  makeControls() {
    const button = (name, label, action, text) => {
      const made = make("button", { type: "button", class: name });
      made.append(text ?? icon(name));
      setLabel(made, label);
      made.addEventListener("click", () => {
        if (made.getAttribute("aria-disabled") !== "true") action();
      });
      return made;
    };
    const leap = (step) => () => {
      this.pause();
      this.go(step());
      this.focusAnswer();
    };
    this.buttons = {
      first: button("first", "First step", leap(() => 0)),
      back: button("back", "Back", leap(() => this.step - 1), "← Back"),
      next: button("next", "Next", leap(() => this.step + 1), "Next →"),
      last: button("last", "Last step", leap(() => this.last)),
      play: button("play", "Play", () => this.toggle()),
    };
    this.buttons.next.classList.add("main");
    this.slider = make("input", { type: "range", min: 0, value: 0, step: 1, "aria-label": "Step" });
    this.slider.addEventListener("input", () => {
      this.pause();
      this.go(Number(this.slider.value));
    });
    this.passes = make("div", { class: "passes", "aria-hidden": "true" });
    this.passes.append(make("span", {}, "forward →"), make("span", {}, "← backward"));
    const way = make("div", { class: "way" });
    way.append(this.passes, this.slider);

    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.switchQuiz(box.checked));
    const quizSwitch = make("label", { class: "quiz-switch" });
    quizSwitch.append(box, "Quiz");
    this.score = make("span", { class: "score", role: "status" });
    this.whole = make("button", { type: "button", "aria-pressed": "false" }, "Whole graph");
    this.whole.addEventListener("click", () => this.showWhole(!this.isWhole));

    const row = make("div", { class: "buttons" });
    row.append(...Object.values(this.buttons));
    this.controls = make("div", { class: "controls" });
    this.controls.append(row, way, this.whole, quizSwitch, this.score);
    this.makePanel();
    this.picture = make("div", {});
    this.foot = make("div", {});
    this.keys = this.makeKeys();
    this.element.append(this.picture, this.controls, this.panel, this.foot);
  }

  makePanel() {
    this.heading = make("p", { class: "heading" });
    this.form = this.makeQuestion();
    this.verdict = make("p", { class: "verdict", role: "status" });
    this.chainPlace = make("div", {});
    this.jump = make("button", { type: "button", class: "jump" });
    this.status = make("p", { class: "spoken", role: "status", "aria-live": "polite" });
    this.story = make("div", {});
    this.panel = make("div", { class: "panel" });
    this.panel.append(
      this.heading,
      this.story,
      this.form,
      this.verdict,
      this.chainPlace,
      this.jump,
      this.status,
    );
  }

  makeQuestion() {
    const form = make("form", { class: "quiz" });
    this.answer = make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    const label = make("label", {}, " ");
    label.append(this.answer);
    const check = make("button", { type: "submit", class: "main" }, "Check");
    const show = make("button", { type: "button" }, "Show it");
    show.addEventListener("click", () => this.reveal());
    const hint = make("p", { class: "hint" });
    hint.append(
      "Each thick arrow brings the gradient from where it starts, times the number beside it. ",
      "Write 0.25, 1/4, -3*0.5 or 2.5e-1; three digits are enough, since 1 % off counts as right.",
    );
    form.append(label, check, show, hint);
    form.addEventListener("submit", (event) => this.submit(event));
    return form;
  }

  makeKeys() {
    const keys = make("p", { class: "keys" });
    const hint = (names, meaning) => {
      const part = make("span", {});
      for (const name of names) part.append(make("kbd", {}, name), " ");
      part.append(meaning);
      return part;
    };
    keys.append(
      hint(["←", "→"], "step"),
      hint(["Home", "End"], "first, last"),
      hint(["Space"], "play"),
      hint(["click"], "a node: its step and its whole chain rule"),
    );
    return keys;
  }

  // The keyboard ------------------------------------------------------------------------------

  /**
   * Listen while the focus is here, and before the host does, so that a notebook doesn't take
   * our keys for commands.
   */
  listen() {
    const onKey = (event) => this.press(event);
    this.hear = () => window.addEventListener("keydown", onKey, true);
    this.ignore = () => window.removeEventListener("keydown", onKey, true);
    if (this.alone) {
      this.hear();
      return;
    }
    this.element.addEventListener("focusin", this.hear);
    this.element.addEventListener("focusout", this.ignore);
  }

  destroy() {
    this.pause();
    this.ignore();
    this.element.removeEventListener("focusin", this.hear);
  }

  press(event) {
    const path = event.composedPath();
    const isOurs = path.includes(this.element) || (this.alone && path[0] === document.body);
    const isCommand = event.ctrlKey || event.metaKey || event.altKey;
    if (!isOurs || isCommand || ["Tab", "Escape"].includes(event.key)) return;
    event.stopImmediatePropagation();
    const action = this.action(event.key, path[0]);
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** What a key does; undefined if it is the focused element's own. */
  action(key, target) {
    if (target === this.answer) return undefined;
    const place = this.nodes.indexOf(target);
    const moves = {
      ArrowRight: this.step + 1,
      ArrowLeft: this.step - 1,
      Home: 0,
      End: this.last,
    };
    if (key in moves) return () => this.walkTo(moves[key], place >= 0);
    if (place >= 0) {
      if (key === "Enter" || key === " ") return () => this.choose(place);
      if (key === "ArrowDown") return () => this.nodes[place + 1]?.focus();
      if (key === "ArrowUp") return () => this.nodes[place - 1]?.focus();
    }
    const pressable = target.closest?.("button, summary, input[type=checkbox]");
    return key === " " && !pressable ? () => this.toggle() : undefined;
  }

  walkTo(step, inGraph) {
    this.pause();
    this.go(step);
    if (inGraph) this.nodes[this.focusable].focus({ preventScroll: true });
  }

  focused() {
    return this.element.getRootNode().activeElement;
  }
}

// The score ------------------------------------------------------------------------------------

/** Which gradients were predicted; the first answer counts. */
class Quiz {
  constructor(on = false) {
    this.on = on;
    this.first = new Map(); // step → whether the first answer was right
    this.settled = new Set();
    this.said = new Map(); // step → what to tell
  }

  /** Judge an answer; return whether the question is settled. */
  answer(step, text, truth) {
    const guess = toNumber(text);
    if (guess === null) {
      this.said.set(step, ["wrong", "That is not a number that can be read: try 0.25 or 1/4."]);
      return false;
    }
    const right = isClose(guess, truth);
    if (!this.first.has(step)) this.first.set(step, right);
    if (right) {
      this.settled.add(step);
      this.said.set(step, ["right", "✓ Right."]);
    } else {
      const hint = isClose(-guess, truth) ? "the size is right, the sign is not." : "try again.";
      this.said.set(step, ["wrong", `✗ Not ${text.trim()}: ${hint}`]);
    }
    return right;
  }

  giveUp(step) {
    if (!this.first.has(step)) this.first.set(step, false);
    this.settled.add(step);
    this.said.set(step, ["", "Here it is."]);
  }

  isSettled(step) {
    return this.settled.has(step);
  }

  mark(step) {
    return this.said.get(step)?.[0] ?? "";
  }

  verdict(step) {
    return this.said.get(step)?.[1] ?? "";
  }

  score() {
    if (!this.on) return "";
    const right = [...this.first.values()].filter(Boolean).length;
    return `${right} of ${this.first.size} right at the first try`;
  }
}

/** Read 0.25, .25, 0,25, 1/4, -3*0.5, 2.5e-1, −2, nan or inf; null for anything else. */
export function toNumber(text) {
  const plain = String(text).trim().toLowerCase().replaceAll("−", "-").replaceAll(/[×·]/g, "*");
  if (/^[+-]?(inf|infinity|∞)$/.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  if (plain === "nan") return NaN;
  const number = "[+-]?(?:\\d+(?:[.,]\\d*)?|[.,]\\d+)(?:e[+-]?\\d+)?";
  const parts = plain.replaceAll(/\s/g, "");
  if (!new RegExp(`^${number}(?:[*/]${number})*$`).test(parts)) return null;
  const factors = parts.matchAll(new RegExp(`([*/]?)(${number})`, "g"));
  let product = 1;
  for (const [, sign, digits] of factors) {
    const factor = Number(digits.replace(",", "."));
    product = sign === "/" ? product / factor : product * factor;
  }
  return product;
}

function isClose(guess, truth) {
  if (Object.is(guess, truth) || guess === truth) return true;
  return Math.abs(guess - truth) <= TOLERANCE * Math.abs(truth);
}

// Small parts ----------------------------------------------------------------------------------

function make(tag, attributes, text) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** Put the SVG of an image in its place, and return it. */
function drawnInline(image) {
  const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (letter) => letter.charCodeAt(0));
  const text = new TextDecoder().decode(bytes);
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  svg.querySelector("style")?.remove(); // the page's stylesheet knows the theme
  image.replaceWith(svg);
  return svg;
}

function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function setLabel(button, label) {
  button.setAttribute("aria-label", label);
  button.title = label;
}

const ICONS = {
  first: "M3 3h3v14H3z M17 3v14L7 10z",
  play: "M5 3v14l12-7z",
  pause: "M4 3h4v14H4z M12 3h4v14h-4z",
  last: "M3 3v14l10-7z M14 3h3v14h-3z",
};

function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Scroll a graph, and nothing else, until a node in it can be seen. */
function bringIntoView(graph, node) {
  const frame = graph.getBoundingClientRect();
  const box = node.getBoundingClientRect();
  const off = (start, end, from, to) => (start < from || end > to ? (start + end - from - to) / 2 : 0);
  graph.scrollBy({
    left: off(box.left, box.right, frame.left, frame.right),
    top: off(box.top, box.bottom, frame.top, frame.bottom),
    behavior: "instant",
  });
}
