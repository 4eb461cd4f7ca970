// The keys of the review widget, and its judgements together with the values of the fields at that moment.
//
// Without this file the buttons still work. The kernel's side is viewer/controls.py, which says what each key does
// ("actions"), which record is shown ("record"), and counts how often a record or a conflict has been shown ("shown").

const TYPING = "input, textarea";
const FIELD = "input, textarea, select";
const STEPS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]; // in a list
const JUDGING = ["accept", "reject", "overwrite"];
const NO_KERNEL = ".review-unanswered, .jupyter-widgets-disconnected"; // see heartbeat.js

function render({ model, el }) {
  const listeners = new AbortController();
  const { signal } = listeners;
  let stepping = false; // through the options of a closed list, where each step is a choice

  whenAttached(() => {
    const root = el.closest(".review");
    root.tabIndex = 0;
    keepKeys(root);
    // in the capture phase, because the fields of ipywidgets stop keys from bubbling
    root.addEventListener("keydown", (event) => onKey(event, root), { capture: true, signal });
    root.addEventListener("click", (event) => onClick(event, root), { capture: true, signal });
    root.addEventListener("change", (event) => onChange(event, root), { signal });
    const toTop = () => root.querySelectorAll(".review-pane").forEach((pane) => (pane.scrollTop = 0));
    const onAnswer = () => root.dispatchEvent(new Event("review-answer", { bubbles: true }));
    for (const [event, act] of [["change:record", toTop], ["msg:custom", onAnswer]]) {
      model.on(event, act);
      signal.addEventListener("abort", () => model.off(event, act));
    }
  });

  function whenAttached(begin) {
    if (signal.aborted) return;
    if (el.closest(".review")) begin();
    else requestAnimationFrame(() => whenAttached(begin));
  }

  // Keeps every key that is pressed in the viewer from the notebook, whose command mode would cut the cell at `x`, turn
  // it into text at `r`, and run it again at Shift+Enter.
  function keepKeys(root) {
    root.dataset.lmSuppressShortcuts = "true";
    let focused = null; // the last element that had the focus, if it is in the viewer
    const onFocus = ({ target }) => {
      focused = root.contains(target) ? target : null;
      // The notebook (Lumino) looks up keys before it calls our listeners, from the focused element upwards to the
      // first that matches or has this mark: a mark on the root alone would come too late for a button.
      if (focused) focused.dataset.lmSuppressShortcuts = "true";
    };
    document.addEventListener("focusin", onFocus, { signal });
    for (const type of ["keydown", "keypress"]) root.addEventListener(type, (event) => event.stopPropagation(), { signal });
    // a focused link disappears with its post, and the keys would go nowhere
    const rendered = new MutationObserver(() => {
      if (focused && !focused.isConnected && document.activeElement === document.body) root.focus({ preventScroll: true });
    });
    rendered.observe(root, { childList: true, subtree: true });
    signal.addEventListener("abort", () => rendered.disconnect());
  }

  function onKey(event, root) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      passOn(event);
      return;
    }
    const isInList = event.target.matches("select");
    if (event.target.closest(TYPING) || (isInList && event.key === "Escape")) {
      // the field itself sends what was typed, when it loses the focus
      if (event.key === "Escape" || event.key === "Enter") root.focus();
      return;
    }
    if (event.key === "Escape") {
      (root.closest(".jp-Cell") ?? document.body).focus(); // gives the keys back to the notebook
      return;
    }
    stepping = isInList && STEPS.includes(event.key);
    if (stepping) return;
    const isPress = event.key === "Enter" || event.key === " ";
    if (isPress && event.target.closest("button, select, summary, a[href]")) return;
    const action = model.get("actions")[event.key];
    if (!action) {
      scroll(event, root);
      return;
    }
    event.preventDefault();
    const control = root.querySelector(`.review-${action}`);
    const field = control.querySelector(FIELD);
    if (field) {
      field.focus();
      field.select?.();
    } else if (!event.repeat) {
      root.focus({ preventScroll: true });
      control.click();
    }
  }

  // The application's keys with Ctrl, Cmd or Alt (Ctrl+S saves, Ctrl+Shift+C opens the palette) keep working, as if
  // they were pressed outside of the notebook, and so do the browser's (Ctrl+C, Ctrl+F). The notebook's (Ctrl+Enter runs
  // the cell, Ctrl+Shift+Up moves it) do nothing.
  function passOn(event) {
    if (event.getModifierState("AltGraph")) return; // it types a character
    if (!document.body.dispatchEvent(new KeyboardEvent(event.type, event))) event.preventDefault();
  }

  function scroll(event, root) {
    const pane = root.querySelector(".review-answer");
    const page = pane.clientHeight * 0.85;
    const by = { ArrowDown: 60, ArrowUp: -60, PageDown: page, PageUp: -page, " ": event.shiftKey ? -page : page }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pane.scrollBy({ top: by });
  }

  function onChange(event, root) {
    if (event.target.matches("select") && !stepping) root.focus({ preventScroll: true });
  }

  function onClick(event, root) {
    stepping = false;
    if (event.target.closest(FIELD)) return;
    const button = event.target.closest("button");
    if (button && root.matches(NO_KERNEL)) {
      event.stopPropagation(); // nobody would answer, as the message on the screen says
      return;
    }
    const action = button && JUDGING.find((each) => button.matches(`.review-${each}`));
    if (action) {
      // The kernel may handle messages in several threads, so the button's own could overtake those of the fields.
      event.stopPropagation();
      // a double click must not judge the next record unseen
      if (event.detail < 2) judge(action, root);
    }
    if (event.isTrusted) setTimeout(() => takeFocus(root)); // after the notebook has taken it
  }

  function takeFocus(root) {
    const isInField = root.contains(document.activeElement) && document.activeElement.matches(FIELD);
    if (!isInField) root.focus({ preventScroll: true });
  }

  function judge(action, root) {
    const note = root.querySelector(".review-note input").value;
    const criteria = [...root.querySelectorAll(".review-criterion.mod-active")].map((toggle) => Number(toggle.textContent));
    model.send({ action, note, criteria, shown: model.get("shown") });
  }

  return () => listeners.abort();
}

export default { render };
