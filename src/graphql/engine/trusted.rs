//! Documents that the operator trusts: the only ones that run, once there are any. They are read from the files that the
//! clients' own tools write, and asked for by id.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::document::Document;
use crate::{
    config::{Limits, Problems},
    platform::crypto::{hex, sha256},
};

/// How long an id may be.
const LONGEST_ID: usize = 256;
/// What Apollo's manifest calls its format, and the version that is known here.
const APOLLO: (&str, u64) = ("apollo-persisted-query-manifest", 1);
const FORMATS: &str = "it is neither the manifest of Apollo's tool nor a JSON object of ids and documents, as GraphQL Code \
                       Generator and Relay's compiler write it";

/// What a document is called in a request (GraphQL over HTTP, appendix on persisted documents), and in the operator's files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentId {
    /// By the SHA-256 of its text: in hexadecimal, after `sha256:` or alone.
    Sha256([u8; 32]),
    /// As only the operator's files know it, such as Relay's MD5.
    Custom(String),
}

impl DocumentId {
    /// Reads an id; none when it can be none.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(payload) = text.strip_prefix("sha256:") {
            return unhex(payload).map(Self::Sha256);
        }
        let possible = (1..=LONGEST_ID).contains(&text.len());
        possible.then(|| unhex(text).map_or_else(|| Self::Custom(text.to_owned()), Self::Sha256))
    }

    /// The SHA-256 of the document's text, if that is what it is called by.
    #[must_use]
    pub(crate) fn sha256(&self) -> Option<[u8; 32]> {
        match self {
            Self::Sha256(hash) => Some(*hash),
            Self::Custom(_) => None,
        }
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hash) => formatter.write_str(&hex(hash)),
            Self::Custom(id) => formatter.write_str(id),
        }
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The operator's documents.
#[derive(Debug, Default)]
pub struct TrustedDocuments {
    texts: HashMap<[u8; 32], Arc<str>>,
    /// The ids that are not the SHA-256 of the text, and which text they stand for.
    custom: HashMap<String, [u8; 32]>,
}

impl TrustedDocuments {
    /// Reads the files; none when there are no files. What is wrong with them is told all at once, each with its file.
    pub fn read(files: &[PathBuf], limits: &Limits) -> Result<Option<Self>, Problems> {
        if files.is_empty() {
            return Ok(None);
        }
        let (mut documents, mut origins, mut problems) = (Self::default(), HashMap::new(), Vec::new());
        for file in files.iter().map(PathBuf::as_path) {
            let mut tell = |why: String| problems.push(format!("TRUSTED_DOCUMENTS: {}: {why}", file.display()));
            match entries(file) {
                Ok(entries) => {
                    for (id, text) in entries {
                        if let Err(why) = documents.add(id, text, limits, (file, &mut origins)) {
                            tell(why);
                        }
                    }
                }
                Err(why) => tell(why),
            }
        }
        if problems.is_empty() { Ok(Some(documents)) } else { Err(Problems(problems)) }
    }

    /// Adds a document of a file; `origins` are the files of the ids so far.
    fn add<'a>(
        &mut self,
        id: String,
        text: String,
        limits: &Limits,
        (file, origins): (&'a Path, &mut HashMap<String, &'a Path>),
    ) -> Result<(), String> {
        let hash = sha256(text.as_bytes());
        match DocumentId::parse(&id) {
            None => return Err(format!("{id:?} can't be the id of a document")),
            Some(DocumentId::Sha256(named)) if named != hash => {
                return Err(format!("{id} is not the SHA-256 of its document"));
            }
            Some(DocumentId::Sha256(_)) => {}
            Some(DocumentId::Custom(custom)) => match self.custom.entry(custom) {
                Entry::Occupied(known) if *known.get() != hash => {
                    let other = origins.get(&id).map(|other| other.display().to_string()).unwrap_or_default();
                    return Err(format!("two documents have the id {id}, the other one in {other}"));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => {
                    free.insert(hash);
                    origins.insert(id.clone(), file);
                }
            },
        }
        Document::parse(&text, limits).map_err(|why| format!("{id}: {why}"))?;
        self.texts.entry(hash).or_insert_with(|| text.into());
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// The document of an id, with its SHA-256.
    #[must_use]
    pub fn get(&self, id: &DocumentId) -> Option<([u8; 32], Arc<str>)> {
        let hash = match id {
            DocumentId::Sha256(hash) => hash,
            DocumentId::Custom(id) => self.custom.get(id)?,
        };
        self.texts.get(hash).map(|text| (*hash, Arc::clone(text)))
    }
}

/// `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "name", "type", "body"}]}`.
#[derive(Deserialize)]
struct ApolloManifest {
    format: String,
    version: u64,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

/// The ids and texts of a file, in whichever of the formats it is.
fn entries(file: &Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let Members(members): Members<'_> = serde_json::from_str(&text).map_err(|error| format!("{FORMATS}: {error}"))?;
    if ["format", "operations"].iter().all(|wanted| members.iter().any(|(name, _)| name == wanted)) {
        let manifest: ApolloManifest =
            serde_json::from_str(&text).map_err(|error| format!("it is no manifest of Apollo's tool: {error}"))?;
        if (manifest.format.as_str(), manifest.version) != APOLLO {
            let ApolloManifest { format, version, .. } = manifest;
            return Err(format!("version {version} of the format {format:?} is not known"));
        }
        return Ok(manifest.operations.into_iter().map(|operation| (operation.id, operation.body)).collect());
    }
    let entry = |(id, value): (String, &RawValue)| match serde_json::from_str::<String>(value.get()) {
        Ok(text) => Ok((id, text)),
        Err(_) => Err(format!("{FORMATS}: {id:?} has no text")),
    };
    members.into_iter().map(entry).collect()
}

/// The members of a JSON object as they stand there, each of several with one name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
