// The only script of the console. Pages also work without the script. When the inbox changes, the script fetches the parts with
// data-live again. The script fetches nothing while the page is hidden or a person has paused the updates.

export const SCRIPT = `"use strict";
(() => {
  const { liveSeconds, liveUrl } = document.body.dataset;
  const button = document.getElementById("live");
  if (liveUrl === undefined || button === null) return;
  let source;
  let isPaused = false;
  // True if the server's answer was not a stream of events. The browser does not connect again in this case.
  let isOff = false;
  let isFetching = false;
  let isWaiting = false;
  let last = 0;
  let seconds = Number(liveSeconds);

  // True if a person uses the part: details are open, an element has the focus, or text is selected. It is not replaced now.
  const isInUse = (part) => {
    const marked = getSelection();
    if (part.querySelector("details[open]") !== null) return true;
    return part.contains(document.activeElement) || (!marked.isCollapsed && part.contains(marked.anchorNode));
  };

  const swap = (found) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = found.getElementById(part.id);
      if (fresh === null || isInUse(part) || fresh.outerHTML === part.outerHTML) continue;
      const known = new Set(Array.from(part.querySelectorAll("[data-key]"), (row) => row.dataset.key));
      const hadRows = known.size > 0;
      part.replaceWith(document.adoptNode(fresh));
      if (!hadRows) continue;
      for (const row of fresh.querySelectorAll("[data-key]")) if (!known.has(row.dataset.key)) row.classList.add("new");
    }
  };

  const refresh = async () => {
    if (isFetching) {
      isWaiting = true;
      return;
    }
    isFetching = true;
    const rest = last + seconds * 1000 - Date.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    last = Date.now();
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (response.ok && source !== undefined) {
        const found = new DOMParser().parseFromString(await response.text(), "text/html");
        // A page that takes long to make asks for a longer interval.
        seconds = Number(found.body.dataset.liveSeconds ?? seconds);
        swap(found);
      }
    } catch {
      // The page is fetched again at the next change, or when the connection is open again.
    }
    isFetching = false;
    if (!isWaiting || source === undefined) return;
    isWaiting = false;
    refresh();
  };

  const show = () => {
    const isOpen = source !== undefined && source.readyState === EventSource.OPEN;
    button.textContent = isPaused ? "Paused" : isOff ? "Off" : isOpen ? "Live" : "Connecting";
    button.className = isOpen ? "on" : "";
    button.setAttribute("aria-pressed", String(!isPaused && !isOff));
    // Voice control finds a button by its visible text, so the accessible name begins with it.
    button.setAttribute("aria-label", button.textContent + (isPaused || isOff ? ": resume" : ": pause") + " live updates");
  };

  const stop = () => {
    source?.close();
    source = undefined;
    show();
  };

  const start = () => {
    if (source !== undefined || isPaused || document.hidden) return;
    isOff = false;
    source = new EventSource(liveUrl);
    source.addEventListener("hello", refresh);
    source.addEventListener("change", refresh);
    source.onopen = show;
    source.onerror = () => {
      isOff = source?.readyState === EventSource.CLOSED;
      if (isOff) stop();
      else show();
    };
    show();
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    isPaused = !isPaused && !isOff;
    if (isPaused) stop();
    else start();
    show();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  // A browser may keep this page for its back button. The connection would then stay open.
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
  start();
})();
`;
