//! A ZIP of JSON files, written row by row, so that only its compressed form is held.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::error::{Error, Result};

/// A ZIP that is being written.
pub struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    /// Rows of the present file so far; `None` between files.
    rows: Option<u64>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Archive").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self { zip: ZipWriter::new(Cursor::default()), rows: None }
    }
}

impl Archive {
    /// Begins a file, which holds one JSON array.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        self.end()?;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(name, options).map_err(Error::internal)?;
        self.zip.write_all(b"[")?;
        self.rows = Some(0);
        Ok(())
    }

    /// Adds an element to the file's array.
    pub fn add(&mut self, row: &serde_json::Value) -> Result<()> {
        let rows = self.rows.as_mut().ok_or_else(|| Error::internal("no file was begun"))?;
        self.zip.write_all(if *rows == 0 { b"\n" } else { b",\n" })?;
        *rows += 1;
        serde_json::to_writer(&mut self.zip, row)?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.rows.take().is_some() {
            self.zip.write_all(b"\n]\n")?;
        }
        Ok(())
    }

    /// The whole ZIP.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.end()?;
        Ok(self.zip.finish().map_err(Error::internal)?.into_inner())
    }
}
