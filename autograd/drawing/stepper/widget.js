// The live stepper in a notebook: stepper.js, which stands before this, walks; Python computes.

/**
 * Show a widget.
 *
 * Its model has: step, the step that is shown, both ways; _content, what mount() needs; _levers,
 * the leaves' names and numbers; _optimizes, whether there is an optimizer; _theme, that of the
 * colours; message, what went wrong. It is told { move: place, to: number } and
 * { optimize: true }, and answers "done".
 */
function render({ model, el }) {
  const frame = make("div", {
    class: "stepgrad-live",
    "data-lm-suppress-shortcuts": "true",
    "data-stepgrad-theme": model.get("_theme"),
  });
  const levers = new Levers(model);
  const walk = make("div", {});
  frame.append(levers.element, walk);
  el.append(frame);
  keepKeys(levers.element);

  const stepper = mount(walk, model.get("_content"), {
    goto: model.get("step"),
    onStep: (step) => {
      model.set("step", step);
      model.save_changes();
    },
  });
  const followed = {
    "change:step": () => stepper.step === model.get("step") || stepper.show(model.get("step")),
    "change:_content": () => stepper.update(model.get("_content")),
    "change:_levers": () => levers.show(),
    "change:message": () => levers.showMessage(),
    "msg:custom": () => levers.answered(),
  };
  for (const [event, action] of Object.entries(followed)) model.on(event, action);
  return () => {
    for (const [event, action] of Object.entries(followed)) model.off(event, action);
    stepper.destroy();
  };
}

/** Keep a notebook from taking keys for its own commands: the arrows move our sliders. */
function keepKeys(element) {
  for (const control of element.querySelectorAll("input, button")) {
    control.dataset.lmSuppressShortcuts = "true"; // JupyterLab asks the focused element itself
  }
  element.addEventListener("keydown", (event) => {
    if (!["Tab", "Escape"].includes(event.key)) event.stopPropagation();
  });
}

/** A slider and a number for each leaf, and a button for the optimizer. */
class Levers {
  constructor(model) {
    this.model = model;
    this.waiting = false; // for Python's answer
    this.next = null; // the request to make when it comes; later ones replace it
    this.levers = model.get("_levers").map((lever, place) => this.makeLever(lever, place));
    this.trouble = make("p", { class: "trouble", role: "alert" });
    this.element = this.makeElement();
    this.show();
    this.showMessage();
  }

  makeElement() {
    const grid = make("div", { class: "levers" });
    grid.append(...this.levers.map((lever) => lever.row));
    const deeds = make("div", { class: "deeds" });
    if (this.model.get("_optimizes")) {
      const button = make("button", { type: "button", class: "optimize" }, "Optimizer step");
      button.addEventListener("click", () => this.request({ optimize: true }));
      deeds.append(button);
    }
    const element = make("div", {
      class: "stepgrad-stepper stepgrad-levers",
      role: "group",
      "aria-label": "The leaves' values",
    });
    const hint = "Move a leaf: both passes are done again, in Python too.";
    element.append(make("p", { class: "levers-hint" }, hint), grid, deeds, this.trouble);
    return element;
  }

  makeLever({ name }, place) {
    const row = make("div", { class: "lever" });
    const number = make("input", { type: "number", step: "any", "aria-label": name });
    const slider = make("input", { type: "range", "aria-label": `${name}, slider` });
    const move = (input) => {
      const to = input.valueAsNumber;
      if (Number.isFinite(to)) this.request({ move: place, to });
    };
    slider.addEventListener("input", () => {
      number.value = slider.value;
      move(slider);
    });
    number.addEventListener("change", () => move(number));
    row.append(make("label", { title: name }, name), slider, number);
    return { row, slider, number };
  }

  /** Ask Python, one thing at a time: while it computes, only the newest request is kept. */
  request(message) {
    if (this.waiting) {
      this.next = message;
      return;
    }
    this.waiting = true;
    this.model.send(message);
  }

  answered() {
    this.waiting = false;
    const next = this.next;
    this.next = null;
    if (next) this.request(next);
    else this.show();
  }

  /** Show the leaves' numbers, unless they are being moved. */
  show() {
    if (this.waiting) return;
    for (const [place, { slider, number }] of this.levers.entries()) {
      const { value, low, high, grain } = this.model.get("_levers")[place];
      Object.assign(slider, { min: low, max: high, step: grain });
      slider.value = value ?? 0;
      number.value = value === null ? "" : Number(value.toPrecision(6));
      number.title = value ?? "not finite";
    }
  }

  showMessage() {
    this.trouble.textContent = this.model.get("message");
  }
}

export default { render };
