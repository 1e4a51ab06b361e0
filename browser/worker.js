/* Runs the lesson's Python in a worker, so that the page stays alive and a loop without an end can be stopped. */

import { loadPyodide } from "./pyodide/pyodide.mjs";

const FILES = ["lesson_tools.py", "new.ppm", "old.ppm"];

async function load() {
  const pyodide = await loadPyodide({
    stdout: (text) => postMessage({ kind: "text", text }),
    stderr: (text) => postMessage({ kind: "text", text }),
  });
  for (const name of FILES) {
    const answer = await fetch(new URL(name, import.meta.url));
    if (!answer.ok) throw new Error(name + " is missing on this site");
    pyodide.FS.writeFile(name, new Uint8Array(await answer.arrayBuffer()));
  }
  const tools = pyodide.pyimport("lesson_tools");
  tools.send = (html) => postMessage({ kind: "html", html });
  postMessage({ kind: "ready", version: pyodide.runPython("import platform; platform.python_version()") });
  return pyodide;
}

const loading = load();
loading.catch((error) => postMessage({ kind: "failed", text: error.message }));

/* The last part of a traceback: what happened, and in which line of the cell. */
function shorten(text) {
  const lines = text.trim().split("\n");
  const line = lines.map((each) => each.match(/File "<exec>", line (\d+)/)).filter(Boolean).pop();
  return (line ? "line " + line[1] + ": " : "") + lines[lines.length - 1];
}

onmessage = async ({ data }) => {
  let pyodide;
  try {
    pyodide = await loading;
  } catch {
    return;
  }
  let error = null;
  try {
    pyodide.runPython(data.code);
  } catch (failure) {
    error = shorten(failure.message);
  }
  postMessage({ kind: "done", error });
};
