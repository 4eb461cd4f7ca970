// Shows within three seconds that the kernel does not answer, even if nobody presses a key.
//
// It asks once a second while somebody uses the page, and stops afterwards: a question counts as activity, so the
// server would never stop an idle kernel. The message itself is in viewer/controls.py; style.css shows it while the
// viewer has the class below, or the one that ipywidgets sets as soon as Jupyter reports a restart.
//
// The answer comes through the keyboard's widget. ipykernel handles a widget's messages in the thread from which the
// widget last sent something. A widget that never sends stays in the main thread, like the buttons, so the answer speaks
// for them too.

const EVERY = 1_000; // milliseconds
const PATIENCE = 1_500;
const FORGET = 5_000; // ask again: the question may be lost with its connection; until then a busy kernel gets no more
const ATTENDED = 60_000; // since the last key or mouse movement
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel"];

function render({ model, el }) {
  const listeners = new AbortController();
  let attended = performance.now();
  let asked = -Infinity;
  let waiting; // the timer of the question that has no answer yet

  const timer = setInterval(ask, EVERY);
  document.addEventListener("review-answer", (event) => event.target.contains(el) && onAnswer(), { signal: listeners.signal });
  for (const sign of SIGNS) {
    const { signal } = listeners;
    document.addEventListener(sign, () => (attended = performance.now()), { capture: true, passive: true, signal });
  }

  function ask() {
    const now = performance.now();
    const isListening = el.closest("[data-lm-suppress-shortcuts]"); // keyboard.js, which passes on the answer
    if (!isListening || document.hidden || now - attended > ATTENDED || (waiting && now - asked < FORGET)) return;
    asked = now;
    waiting ??= setTimeout(() => mark(true), PATIENCE);
    try {
      model.send("there?");
    } catch {
      mark(true); // the connection is gone
    }
  }

  function onAnswer() {
    clearTimeout(waiting);
    waiting = undefined;
    mark(false);
  }

  function mark(isSilent) {
    el.closest(".review")?.classList.toggle("review-unanswered", isSilent);
  }

  return () => {
    clearInterval(timer);
    clearTimeout(waiting);
    listeners.abort();
  };
}

export default { render };
