// Elements, status lines, and calls of which only the latest counts.

export const byId = (id) => document.getElementById(id);

/** Returns a new element; properties in camel case, attributes with a dash in their name. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Shows a message in a status line. */
export function say(id, message) {
  const line = byId(id);
  line.className = "status";
  line.replaceChildren(message);
}

/** Shows an error in a status line, with a button that tries again. */
export function fail(id, error, again) {
  const line = byId(id);
  line.className = "status error";
  line.replaceChildren(error.message, element("button", { type: "button", textContent: "Try again", onclick: again }));
}

/** Returns a function that runs `work` with its latest arguments: never twice at once, and never for arguments that newer ones follow. */
export function latest(work) {
  let next = null;
  let isRunning = false;
  return async function run(...given) {
    next = given;
    if (isRunning) return;
    isRunning = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      isRunning = false;
    }
  };
}

/** Runs `work` while a region is shown as busy; an error is shown with a button that runs `again`. */
export async function busy(region, status, again, work) {
  region.classList.add("busy");
  region.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => say(status, "Computing…"), 150);
  try {
    const message = await work();
    clearTimeout(slow);
    say(status, message ?? "");
  } catch (error) {
    clearTimeout(slow);
    fail(status, error, again);
  } finally {
    region.classList.remove("busy");
    region.removeAttribute("aria-busy");
  }
}
