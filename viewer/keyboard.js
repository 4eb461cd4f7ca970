// The keys of the review widget, and its judgements with what is in the fields at that moment.
//
// Everything works without this file too, by the buttons alone. Kernel side: viewer/widget.py, which tells what each key
// does ("actions") and which showing of a record this is ("shown").

const TYPING = "input, textarea, select";

function render({ model, el }) {
  const listeners = new AbortController();
  const { signal } = listeners;

  whenAttached(() => {
    const root = el.closest(".review");
    root.tabIndex = 0;
    root.dataset.lmSuppressShortcuts = "true"; // Lumino, under JupyterLab and Notebook, leaves keys below this to us
    // while they come down: the fields of ipywidgets let no keys up again
    root.addEventListener("keydown", (event) => onKey(event, root), { capture: true, signal });
    root.addEventListener("click", (event) => onClick(event, root), { capture: true, signal });
    const toTop = () => root.querySelectorAll(".review-pane").forEach((pane) => (pane.scrollTop = 0));
    model.on("change:shown", toTop);
    signal.addEventListener("abort", () => model.off("change:shown", toTop));
  });

  function whenAttached(begin) {
    if (signal.aborted) return;
    if (el.closest(".review")) begin();
    else requestAnimationFrame(() => whenAttached(begin));
  }

  function onKey(event, root) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(TYPING)) {
      // what was typed is sent by the field itself, when it loses the focus
      if (event.key === "Escape" || (event.key === "Enter" && !event.target.closest("select"))) root.focus();
      return;
    }
    if (event.key === "Escape") {
      (root.closest(".jp-Cell") ?? document.body).focus(); // the notebook has the keys again
      return;
    }
    if (event.target.closest("button, summary, a[href]") && (event.key === "Enter" || event.key === " ")) return;
    const action = model.get("actions")[event.key];
    if (!action) {
      scroll(event, root);
      return;
    }
    event.preventDefault();
    const control = root.querySelector(`.review-${action}`);
    const field = control.querySelector(TYPING);
    if (field) {
      field.focus();
      field.select?.();
    } else if (!event.repeat) {
      control.click();
    }
  }

  function scroll(event, root) {
    const pane = root.querySelector(".review-answer");
    const page = pane.clientHeight * 0.85;
    const by = { ArrowDown: 60, ArrowUp: -60, PageDown: page, PageUp: -page, " ": event.shiftKey ? -page : page }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pane.scrollBy({ top: by });
  }

  function onClick(event, root) {
    if (event.target.closest(TYPING) || event.target.closest("a[href], summary")) return;
    const button = event.target.closest(".review-accept, .review-reject");
    if (button) {
      // The button's own message could overtake those of the fields, for the kernel may take them in several threads.
      event.stopPropagation();
      // a double click must not judge the next record, which nobody has seen
      if (event.detail < 2) judge(button.matches(".review-accept") ? "accept" : "reject", root);
    }
    if (event.isTrusted && !String(window.getSelection())) setTimeout(() => takeFocus(root)); // after the notebook took it
  }

  function takeFocus(root) {
    const isTyping = root.contains(document.activeElement) && document.activeElement.matches(TYPING);
    if (!isTyping) root.focus({ preventScroll: true });
  }

  function judge(action, root) {
    const note = root.querySelector(".review-note input").value;
    const criteria = [...root.querySelectorAll(".review-criterion.mod-active")].map((toggle) => Number(toggle.textContent));
    model.send({ action, note, criteria, shown: model.get("shown") });
  }

  return () => listeners.abort();
}

export default { render };
