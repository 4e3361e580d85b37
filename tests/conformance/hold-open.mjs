// Keeps a live subscription on a socket, one by events and an HTTP connection open until the server closes them: a server
// that is told to stop must not wait for such clients. Prints "holding" once the subscriptions are live.

import http from "node:http";
import { WebSocket } from "ws";
import { base, httpUrl, signIn, socketUrl } from "./lib.mjs";

const agent = new http.Agent({ keepAlive: true });
http.get(`${base}/health/live`, { agent }, (response) => response.resume()).on("error", () => {});

const authorization = `Bearer ${await signIn()}`;
const query = "subscription { notificationReceived { phase } }";
const events = await fetch(httpUrl, {
  method: "POST",
  headers: { accept: "text/event-stream", authorization, "content-type": "application/json" },
  body: JSON.stringify({ query }),
});
const ended = events.text().then(
  (said) => (said.includes("event: complete") ? "was completed" : "ended"),
  (error) => `broke: ${error.message}`,
);
const socket = new WebSocket(socketUrl, "graphql-transport-ws");
const send = (message) => socket.send(JSON.stringify(message));
socket.on("open", () => send({ type: "connection_init", payload: { authorization } }));
socket.on("message", (data) => {
  const { type } = JSON.parse(data);
  if (type === "connection_ack") {
    send({ id: "1", type: "subscribe", payload: { query } });
  } else if (type === "ping") {
    send({ type: "pong" });
  } else if (type === "next") {
    console.log("holding");
  }
});
socket.on("error", (error) => console.error(`hold-open: ${error.message}`));
socket.on("close", async (code) => {
  console.log(`the open subscription was closed with ${code}, the one by events ${await ended}`);
  process.exit(0);
});
