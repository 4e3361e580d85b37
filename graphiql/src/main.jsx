// The page: a bar with the sign-in, and GraphiQL below it with a tab of examples for each capability.

import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import "./page.css";
import { Bar } from "./bar.jsx";
import { tabs } from "./examples.js";
import { fetcher } from "./transport.js";

// GraphiQL's menus and dialogs add a <style> element; this is how they learn the nonce of the Content-Security-Policy.
window.__webpack_nonce__ = document.currentScript?.nonce;

const root = document.getElementById("graphiql");
createRoot(root).render(
  <>
    <Bar demoPassword={root.dataset.demoPassword} />
    <GraphiQL fetcher={fetcher} defaultTabs={tabs} defaultEditorToolsVisibility="variables" />
  </>,
);
