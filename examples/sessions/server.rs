use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use memoria::{
    EngramId, MemoriaError,
    nn::{MemoriaLayer, MemoriaState, MemoriaStateConfig},
};

/// Serves the sessions that are there, in one batch. Memories of the others are files.
#[derive(Debug)]
pub(crate) struct Server {
    layer: MemoriaLayer,
    device: Device,
    folder: PathBuf,
    /// The memory of those present, a row each.
    batch: MemoriaState,
    /// Who is in which row.
    present: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) session: String,
    /// Hidden states of one segment, `[seq, d_model]`.
    pub(crate) segment: Tensor<2>,
}

impl Server {
    /// Goes on with the memories that are in the folder.
    pub(crate) fn new(
        layer: MemoriaLayer,
        memory: &MemoriaStateConfig,
        folder: &Path,
        device: Device,
    ) -> Result<Self, MemoriaError> {
        let (folder, batch, present) = (folder.to_owned(), memory.init()?, Vec::new());
        Ok(Self { layer, device, folder, batch, present })
    }

    /// One segment of each of these sessions, at least one and each named once; segments are of equal length.
    /// In the order of requests: hidden states `[seq, d_model]`, and what each session was reminded of.
    pub(crate) fn serve(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<(Tensor<2>, Vec<EngramId>)>, MemoriaError> {
        self.gather(requests)?;
        // The batch has an order of its own.
        let row_of = |r: &Request| self.present.iter().position(|session| *session == r.session);
        let rows: Vec<usize> = requests.iter().filter_map(row_of).collect();
        let mut segments = vec![None; rows.len()];
        for (request, &row) in requests.iter().zip(&rows) {
            segments[row] = Some(request.segment.clone().unsqueeze::<3>());
        }
        let segments = segments.into_iter().flatten().collect();
        let output = self.layer.forward(Tensor::cat(segments, 0), &mut self.batch)?;
        let hidden = |row| output.hidden.clone().narrow(0, row, 1).squeeze_dim(0);
        let reply = |row| (hidden(row), output.recall.ids(row).to_vec());
        Ok(rows.into_iter().map(reply).collect())
    }

    /// Saves the memory of every session.
    pub(crate) fn close(&mut self) -> Result<(), MemoriaError> {
        self.gather(&[])
    }

    /// Lets the sessions go that are not among the requests, and brings in those that are.
    fn gather(&mut self, requests: &[Request]) -> Result<(), MemoriaError> {
        let is_wanted = |session: &String| requests.iter().any(|r| r.session == *session);
        for row in (0..self.present.len()).rev().filter(|&row| !is_wanted(&self.present[row])) {
            // Saved before it leaves: if that fails, the session is still here.
            let snapshot = self.batch.snapshot()?.rows(&[row])?;
            snapshot.save(memory_file(&self.folder, &self.present[row]))?;
        }
        let leaving = self.present.iter().enumerate().filter(|(_, session)| !is_wanted(session));
        self.batch.split(&leaving.map(|(row, _)| row).collect::<Vec<_>>())?;
        self.present.retain(is_wanted);

        let coming = requests.iter().map(|request| &request.session);
        let coming = coming.filter(|session| !self.present.contains(session));
        let (known, new): (Vec<_>, Vec<_>) =
            coming.cloned().partition(|session| memory_file(&self.folder, session).exists());
        for session in known {
            let mut memory = MemoriaState::load(memory_file(&self.folder, &session), &self.device)?;
            self.batch.merge(&mut memory)?;
            self.present.push(session);
        }
        // If no other session is there, their first segment makes their rows.
        if !self.present.is_empty() {
            self.batch.add_rows(new.len())?;
        }
        self.present.extend(new);
        Ok(())
    }
}

/// Where a session's memory is kept while it is away.
pub(crate) fn memory_file(folder: &Path, session: &str) -> PathBuf {
    folder.join(format!("{session}.memoria"))
}
