// Says within three seconds that the kernel does not answer, also before anybody has pressed a key.
//
// A question a second while somebody is at the page, and none afterwards: it counts as activity, so the server would never
// stop an idle kernel. The message itself is in viewer/widget.py; style.css shows it while the viewer has the class below, or
// the one that ipywidgets gives it as soon as Jupyter tells of a restart.
//
// The answer comes by the keyboard's widget. ipykernel gives a widget's messages to the thread from which the widget last
// sent something, and one that never sends keeps to the main thread, as the buttons do: the answer tells of them too.

const EVERY = 1_000; // milliseconds
const PATIENCE = 1_500;
const FORGET = 5_000; // a question may be lost with its connection; one that waits in a busy kernel is not piled upon
const ATTENDED = 60_000; // after the last key or movement of the mouse
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
    const isListening = el.closest("[data-lm-suppress-shortcuts]"); // keyboard.js, which passes the answer on
    if (!isListening || document.hidden || now - attended > ATTENDED || (waiting && now - asked < FORGET)) return;
    asked = now;
    waiting ??= setTimeout(() => mark(true), PATIENCE);
    try {
      model.send("there?");
    } catch {
      mark(true); // there is no connection left to send it by
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
