//! A WebSocket that speaks graphql-transport-ws, or whatever a test makes it send.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// How long a test waits for something that has to come.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects with the protocol, and nothing more.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// Connects with headers of the test's own.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        headers: &[(&str, &str)],
    ) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        for (name, value) in headers {
            let name: tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream })
    }

    /// Connects by a network that takes 4 KiB from the server, and the rest as it is read.
    pub(crate) async fn narrow(address: SocketAddr, token: Option<&str>) -> Self {
        Self::narrow_from(address, Ipv4Addr::LOCALHOST.into(), token).await
    }

    /// The same from an address of its own.
    pub(crate) async fn narrow_from(address: SocketAddr, from: IpAddr, token: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(address).await.unwrap());
        Self { stream: client_async(request, stream).await.unwrap().0 }.acknowledged(token).await
    }

    /// Connects, and is acknowledged as the owner of the token.
    pub(crate) async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        Self::connect(address).await.acknowledged(token).await
    }

    async fn acknowledged(self, token: Option<&str>) -> Self {
        let mut socket = self;
        let payload = token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        socket
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends a text as it is.
    pub(crate) async fn send_text(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends a frame of any kind.
    pub(crate) async fn send_frame(&mut self, frame: Message) {
        self.stream.send(frame).await.unwrap();
    }

    /// Sends many texts without waiting, and reads until so many messages came or the socket was closed.
    pub(crate) async fn burst(&mut self, texts: Vec<String>, expected: usize) -> Result<Vec<Value>, (u16, String)> {
        let (mut sink, mut frames) = (&mut self.stream).split();
        let sending = async move {
            for text in texts {
                // Whoever is closed in the middle can't send the rest.
                if sink.feed(Message::text(text)).await.is_err() {
                    break;
                }
            }
            let _ = sink.flush().await;
            std::future::pending::<()>().await;
        };
        let reading = async move {
            let mut answers = Vec::new();
            while answers.len() < expected {
                match tokio::time::timeout(TIMEOUT, frames.next()).await.expect("nothing came in time") {
                    Some(Ok(Message::Text(text))) => answers.push(serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                        return Err((code.into(), reason.to_string()));
                    }
                    Some(Ok(_)) => {}
                    other => panic!("neither an answer nor a farewell: {other:?}"),
                }
            }
            Ok(answers)
        };
        tokio::select! {
            () = sending => unreachable!("it waits for the reading"),
            answers = reading => answers,
        }
    }

    /// Begins an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.send(json!({ "id": id, "type": "subscribe", "payload": { "query": query, "variables": variables } }))
            .await;
    }

    /// The next message, whatever its kind; pings are answered and passed over.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return message;
                    }
                    self.send(json!({ "type": "pong" })).await;
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a message was expected: {other:?}"),
            }
        }
    }

    /// The next message, when one comes within a moment.
    pub(crate) async fn maybe_next(&mut self, wait: Duration) -> Option<Value> {
        tokio::time::timeout(wait, self.next()).await.ok()
    }

    /// The data of the next event.
    pub(crate) async fn event(&mut self) -> Value {
        let message = self.next().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }

    /// The code and reason with which the server closes; messages before are passed over.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(CloseFrame { code, reason }))) => return (code.into(), reason.to_string()),
                Some(Message::Close(None)) | None => panic!("closed without a code"),
                Some(_) => {}
            }
        }
    }

    async fn frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(TIMEOUT, self.stream.next()).await.expect("nothing came in time");
        next.map(|frame| frame.expect("the connection broke"))
    }
}
