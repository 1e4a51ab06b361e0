/* Turns the code blocks of the page into cells that run in the browser. Without this script the page is readable. */

"use strict";

(() => {
  const here = document.currentScript.src;
  const status = document.getElementById("lesson-status");
  const cells = [];
  let worker = null;
  let running = null;
  let queue = [];

  function say(text) {
    status.textContent = text;
  }

  function start() {
    if (worker) return;
    say("Loading Python (13 MB, once) …");
    worker = new Worker(new URL("worker.js", here), { type: "module" });
    worker.onmessage = ({ data }) => listen(data);
    worker.onerror = (event) => {
      say("Python could not be loaded: " + (event.message || "this browser cannot run the lesson") + ".");
      stop();
    };
  }

  function stop() {
    if (worker) worker.terminate();
    worker = null;
    queue = [];
    running = null;
    for (const cell of cells) {
      cell.done = false;
      cell.ran.textContent = "";
      cell.box.classList.remove("waiting");
      cell.run.textContent = "Run";
    }
  }

  function listen(message) {
    if (message.kind === "ready") {
      say("Python " + message.version + " is loaded.");
    } else if (message.kind === "failed") {
      say("Python could not be loaded: " + message.text);
      stop();
    } else if (message.kind === "text") {
      add(running, "pre", message.text);
    } else if (message.kind === "html") {
      add(running, "div", "").innerHTML = message.html;
    } else if (message.kind === "done") {
      const cell = running;
      running = null;
      cell.done = message.error === null;
      cell.ran.textContent = cell.done ? "ran" : "";
      if (message.error !== null) {
        add(cell, "pre", message.error).classList.add("lesson-error");
        for (const other of queue) settle(other);
        queue = [];
      }
      settle(cell);
      next();
    }
  }

  function settle(cell) {
    cell.box.classList.remove("waiting");
    cell.run.textContent = "Run";
  }

  /* Adds to the output of a cell; lines of text that follow each other share one block. */
  function add(cell, tag, text) {
    if (!cell) return document.createElement(tag);
    const last = cell.output.lastElementChild;
    if (tag === "pre" && last && last.tagName === "PRE" && !last.classList.contains("lesson-error")) {
      last.textContent += "\n" + text;
      return last;
    }
    const element = document.createElement(tag);
    element.textContent = text;
    cell.output.append(element);
    return element;
  }

  /* Runs a cell, and before it the cells above that have not run yet. */
  function ask(cell) {
    if (cell.box.classList.contains("waiting")) {
      stop();
      say("Stopped. The next run starts with an empty memory.");
      return;
    }
    start();
    const above = cells.slice(0, cells.indexOf(cell)).filter((other) => !other.done);
    for (const each of [...above, cell]) {
      if (!queue.includes(each) && each !== running) {
        queue.push(each);
        each.box.classList.add("waiting");
        each.run.textContent = "Stop";
      }
    }
    next();
  }

  function next() {
    if (running || !queue.length || !worker) return;
    running = queue.shift();
    running.output.replaceChildren();
    worker.postMessage({ code: running.editor.value });
  }

  function fit(editor) {
    editor.style.height = "auto";
    editor.style.height = editor.scrollHeight + editor.offsetHeight - editor.clientHeight + "px";
  }

  function element(tag, name, text = "") {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  }

  function makeCell(block) {
    const written = block.querySelector("code").textContent.replace(/\n$/, "");
    const cell = { done: false, box: element("div", "lesson-cell"), output: element("div", "lesson-output") };
    cell.editor = element("textarea", "");
    cell.editor.value = written;
    cell.editor.rows = written.split("\n").length;
    cell.editor.spellcheck = false;
    cell.editor.setAttribute("autocapitalize", "off");
    cell.editor.setAttribute("autocomplete", "off");
    cell.editor.setAttribute("aria-label", "Python code, cell " + (cells.length + 1));
    cell.output.setAttribute("aria-live", "polite");
    cell.run = element("button", "md-button md-button--primary lesson-run", "Run");
    cell.reset = element("button", "md-button lesson-reset", "Reset");
    cell.ran = element("span", "lesson-ran");
    const bar = element("div", "lesson-bar");
    bar.append(cell.run, cell.reset, cell.ran);
    cell.box.append(cell.editor, bar, cell.output);
    cell.run.onclick = () => ask(cell);
    cell.reset.onclick = () => {
      cell.editor.value = written;
      cell.done = false;
      cell.ran.textContent = "";
      fit(cell.editor);
    };
    cell.editor.oninput = () => {
      cell.done = false;
      cell.ran.textContent = "";
      fit(cell.editor);
    };
    cell.editor.onkeydown = (event) => {
      if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        ask(cell);
      } else if (event.key === "Enter") {
        event.preventDefault();
        const before = cell.editor.value.slice(0, cell.editor.selectionStart).split("\n").pop();
        const indent = before.match(/^ */)[0] + (before.trimEnd().endsWith(":") ? "    " : "");
        cell.editor.setRangeText("\n" + indent, cell.editor.selectionStart, cell.editor.selectionEnd, "end");
        cell.editor.dispatchEvent(new Event("input"));
      }
    };
    block.replaceWith(cell.box);
    fit(cell.editor);
    cells.push(cell);
  }

  function begin() {
    if (location.protocol === "file:") {
      say("Browsers do not run Python from a file. Start python -m http.server -d site and open http://localhost:8000.");
      return;
    }
    for (const block of document.querySelectorAll(".md-content .highlight")) {
      if (!block.closest("details")) makeCell(block);
    }
    const all = document.getElementById("lesson-all");
    all.hidden = false;
    all.onclick = () => {
      if (!running) ask(cells[cells.length - 1]);
    };
    say("Run loads Python, and runs the cells above as well. Shift+Enter does the same.");
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
