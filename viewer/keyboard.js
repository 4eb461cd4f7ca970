// The keys of the review widget, and its judgements together with the values of the fields at that moment.
//
// Without this file the buttons still work. The kernel's side is viewer/controls.py, which says what each key does
// ("actions"), which record is shown ("record"), and counts how often a record or a conflict has been shown ("shown").

const TYPING = "input, textarea";
const FIELD = "input, textarea, select";
const STEPS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]; // in a list
const FINDINGS = "mark[data-criteria], pre.finding, div.finding";
const NO_KERNEL = ".review-unanswered, .jupyter-widgets-disconnected"; // see heartbeat.js

function render({ model, el }) {
  const listeners = new AbortController();
  const { signal } = listeners;
  let hits = []; // of the search, as ranges
  let hit = -1; // the one that was gone to last
  let stepping = false; // through the options of a closed list, where each step is a choice

  whenAttached(() => {
    const root = el.closest(".review");
    root.tabIndex = 0;
    keepKeys(root);
    // in the capture phase, because the fields of ipywidgets stop keys from bubbling
    root.addEventListener("keydown", (event) => onKey(event, root), { capture: true, signal });
    root.addEventListener("click", (event) => onClick(event, root), { capture: true, signal });
    root.addEventListener("change", (event) => onChange(event, root), { signal });
    root.addEventListener("pointerdown", (event) => onDrag(event, root), { signal });
    if (!root.closest(".jp-Notebook")) return;
    setTimeout(() => root.scrollIntoView({ block: "nearest" }), 300); // after the notebook has scrolled to its next cell
  });

  whenAttached(() => {
    const root = el.closest(".review");
    const toTop = () => root.querySelectorAll(".review-pane").forEach((pane) => (pane.scrollTop = 0));
    const onMessage = (message) => {
      if (message === "edit") whenShown(editorOf(root), (editor) => editor.focus());
      else root.dispatchEvent(new Event("review-answer", { bubbles: true }));
    };
    for (const [event, act] of [["change:record", toTop], ["msg:custom", onMessage]]) {
      model.on(event, act);
      signal.addEventListener("abort", () => model.off(event, act));
    }
  });

  function whenAttached(begin) {
    if (signal.aborted) return;
    if (el.closest(".review")) begin();
    else requestAnimationFrame(() => whenAttached(begin));
  }

  function whenShown(element, act, frames = 60) {
    if (element.checkVisibility()) act(element);
    else if (frames && !signal.aborted) requestAnimationFrame(() => whenShown(element, act, frames - 1));
  }

  function editorOf(root) {
    return root.querySelector(".review-editor textarea");
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
      showHits(root);
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
      const isEnd = event.key === "Escape" || (event.key === "Enter" && !event.target.matches("textarea"));
      if (isEnd) root.focus();
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
    const key = keyOf(event);
    const local = { j: nextFinding, t: nextHit, w: fullWindow }[key];
    if (local) {
      event.preventDefault();
      local(root);
      return;
    }
    const action = model.get("actions")[key];
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

  // The key's letter or digit. Where a layout has another script, or signs in the place of the digits, this is what the
  // key has in the layout of the United States. Caps Lock changes nothing.
  function keyOf({ key, code, shiftKey }) {
    const letter = /^[a-z]$/i.test(key) ? key : /^Key([A-Z])$/.exec(code)?.[1];
    if (letter) return shiftKey ? letter.toUpperCase() : letter.toLowerCase();
    const digit = !shiftKey && /^(?:Digit|Numpad)([0-9])$/.exec(code)?.[1];
    return digit || key;
  }

  // The application's keys with Ctrl, Cmd or Alt (Ctrl+S saves, Ctrl+Shift+C opens the palette) keep working, as if
  // they were pressed outside of the notebook, and so do the browser's (Ctrl+C, Ctrl+F). The notebook's (Ctrl+Enter runs
  // the cell, Ctrl+Shift+Up moves it) do nothing.
  function passOn(event) {
    if (event.getModifierState("AltGraph")) return; // it types a character
    if (!document.body.dispatchEvent(new KeyboardEvent(event.type, event))) event.preventDefault();
    // Until the key is released, JupyterLab takes a line break for what the key inserts, and prevents it.
    document.body.dispatchEvent(new KeyboardEvent("keyup", event));
  }

  function scroll(event, root) {
    const isQuestion = event.shiftKey && event.key !== " ";
    const pane = root.querySelector(isQuestion ? ".review-question" : ".review-answer");
    const page = pane.clientHeight * 0.85;
    const all = pane.scrollHeight;
    const space = event.shiftKey ? -page : page;
    const by = { ArrowDown: 60, ArrowUp: -60, PageDown: page, PageUp: -page, Home: -all, End: all, " ": space }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pane.scrollBy({ top: by });
  }

  function nextFinding(root) {
    const findings = [...root.querySelectorAll(FINDINGS)];
    const current = findings.findIndex((each) => each.classList.contains("review-current"));
    findings[current]?.classList.remove("review-current");
    const next = findings[(current + 1) % findings.length];
    next?.classList.add("review-current");
    next?.scrollIntoView({ block: "nearest" });
  }

  // Marks the places of the text that is searched for, without changing the post.
  function showHits(root) {
    const wanted = root.querySelector(".review-search input")?.value.trim().toLowerCase();
    hits = wanted ? [...root.querySelectorAll(".review-post")].flatMap((post) => [...placesOf(wanted, post)]) : [];
    hit = -1;
    CSS.highlights?.set("review-hit", new Highlight(...hits));
    CSS.highlights?.delete("review-hit-current");
  }

  function* placesOf(wanted, post) {
    const walker = document.createTreeWalker(post, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      if (text.length !== walker.currentNode.data.length) continue; // of the few letters that change their length
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + wanted.length);
        yield range;
      }
    }
  }

  function nextHit() {
    if (!hits.length) return;
    hit = (hit + 1) % hits.length;
    CSS.highlights?.set("review-hit-current", new Highlight(hits[hit]));
    hits[hit].startContainer.parentElement.scrollIntoView({ block: "nearest" });
  }

  function fullWindow(root) {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen().then(() => root.focus());
  }

  // The divider between question and answer, which stand beside or below each other.
  function onDrag(event, root) {
    if (!event.target.matches(".review-divider")) return;
    event.preventDefault();
    const divider = event.target;
    const { left, top, width, height } = divider.parentElement.getBoundingClientRect();
    const isBeside = divider.clientHeight > divider.clientWidth;
    const onMove = ({ clientX, clientY }) => {
      const share = isBeside ? (clientX - left) / width : (clientY - top) / height;
      root.style.setProperty("--review-split", `${100 * Math.min(Math.max(share, 0.1), 0.9)}%`);
    };
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", onMove, { signal });
    divider.addEventListener("pointerup", () => divider.removeEventListener("pointermove", onMove), { once: true, signal });
  }

  function onChange(event, root) {
    if (event.target.closest(".review-search")) showHits(root);
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
    const action = button && model.get("buttons").find((each) => button.matches(`.review-${each}`));
    if (action) {
      // The kernel may handle messages in several threads, so the button's own could overtake those of the fields.
      event.stopPropagation();
      // a double click must not judge the next record unseen
      if (event.detail < 2 || !model.get("judging").includes(action)) send(action, root);
    }
    if (event.isTrusted) setTimeout(() => takeFocus(root)); // after the notebook has taken it
  }

  function takeFocus(root) {
    const isInField = root.contains(document.activeElement) && document.activeElement.matches(FIELD);
    if (!isInField) root.focus({ preventScroll: true });
  }

  function send(action, root) {
    const note = root.querySelector(".review-note input").value;
    const criteria = [...root.querySelectorAll(".review-criterion.mod-active")].map((toggle) => parseInt(toggle.textContent));
    const editor = editorOf(root);
    const correction = editor.checkVisibility() ? editor.value : null;
    model.send({ action, note, criteria, correction, shown: model.get("shown") });
  }

  return () => listeners.abort();
}

export default { render };
