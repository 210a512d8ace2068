use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use memoria::{
    EngramId, MemoriaError,
    nn::{MemoriaLayer, MemoriaState, MemoriaStateConfig},
};

/// Serves the present sessions in one batch. The memories of absent sessions are files.
pub(crate) struct Server {
    layer: MemoriaLayer,
    folder: PathBuf,
    /// The memory of the present sessions, one row each.
    batch: MemoriaState,
    /// The session of each row.
    present: Vec<String>,
}

/// A session's name, and hidden states of one segment `[seq, d_model]`.
pub(crate) type Request = (String, Tensor<2>);

impl Server {
    /// Continues with the memories in the folder.
    pub(crate) fn new(
        layer: MemoriaLayer,
        memory: &MemoriaStateConfig,
        folder: &Path,
    ) -> Result<Self, MemoriaError> {
        Ok(Self { layer, folder: folder.to_owned(), batch: memory.init()?, present: Vec::new() })
    }

    /// Runs one segment of each of these sessions: at least one session, each named once, segments of equal
    /// length. Returns, in the order of requests, hidden states `[seq, d_model]` and the reminded engrams.
    pub(crate) fn serve(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<(Tensor<2>, Vec<EngramId>)>, MemoriaError> {
        self.gather(requests)?;
        // The rows of the batch have another order than the requests.
        let of = |session: &String| requests.iter().find(|request| request.0 == *session);
        let segments = self.present.iter().filter_map(of).map(|request| request.1.clone());
        let segments = Tensor::stack(segments.collect(), 0);
        let output = self.layer.forward(segments, &mut self.batch)?;
        let row_of = |request: &Request| self.present.iter().position(|at| *at == request.0);
        let hidden = |row| output.hidden.clone().narrow(0, row, 1).squeeze_dim(0);
        let reply = |row| (hidden(row), output.recall.ids(row).to_vec());
        Ok(requests.iter().filter_map(row_of).map(reply).collect())
    }

    /// Saves the memory of every session.
    pub(crate) fn close(&mut self) -> Result<(), MemoriaError> {
        self.gather(&[])
    }

    /// Removes sessions without a request from the batch, and adds the requested ones.
    fn gather(&mut self, requests: &[Request]) -> Result<(), MemoriaError> {
        let is_wanted = |session: &String| requests.iter().any(|request| request.0 == *session);
        for row in (0..self.present.len()).rev().filter(|&row| !is_wanted(&self.present[row])) {
            // Saved before it is removed: if that fails, the session is still in the batch.
            let snapshot = self.batch.snapshot()?.rows(&[row])?;
            snapshot.save(memory_file(&self.folder, &self.present[row]))?;
        }
        let leaving = self.present.iter().enumerate().filter(|(_, session)| !is_wanted(session));
        self.batch.split(&leaving.map(|(row, _)| row).collect::<Vec<_>>())?;
        self.present.retain(is_wanted);

        let coming = requests.iter().map(|request| request.0.clone());
        let coming = coming.filter(|session| !self.present.contains(session));
        let (known, new): (Vec<_>, Vec<_>) =
            coming.partition(|session| memory_file(&self.folder, session).exists());
        for session in known {
            let (file, device) = (memory_file(&self.folder, &session), requests[0].1.device());
            let mut memory = MemoriaState::load(file, &device)?;
            self.batch.merge(&mut memory)?;
            self.present.push(session);
        }
        // If no other session is present, their first segment makes their rows.
        if !self.present.is_empty() {
            self.batch.add_rows(new.len())?;
        }
        self.present.extend(new);
        Ok(())
    }
}

/// The file of a session's memory while it is absent.
pub(crate) fn memory_file(folder: &Path, session: &str) -> PathBuf {
    folder.join(format!("{session}.memoria"))
}
