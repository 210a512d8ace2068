mod gains;
mod looks;
mod previous;
mod rows;
mod snapshot;

use core::fmt;

use burn::{
    backend::Dispatch,
    config::Config,
    module::ParamId,
    tensor::{Device, Tensor},
};
use memoria_core::{
    Memoria, MemoriaConfig, MemoriaError, check_device, check_dtype, check_sizes, computes_on_host,
};

use previous::Graph;
pub use previous::PreviousSegment;

use crate::{
    Recall, RecallInput, RemindedMemories, finite,
    padding::{Padding, closed_up},
    window::GradientWindow,
};

/// Configuration of a [`MemoriaState`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct MemoriaStateConfig {
    /// The memory itself.
    pub memoria: MemoriaConfig,
    /// α: the lifespan in steps that a reminded engram gains for an average share of attention
    /// (`lifespan_extend_scale` of the package). Default: 8
    #[config(default = 8.0)]
    pub lifespan_extend_scale: f32,
    /// Segments for which an engram is tracked after its own segment; 0 for none, as in the package. If an engram is
    /// reminded within them, and within the window, it is the tracked tensor that was added. The gradient *window* is
    /// the segments from one [`detach`](MemoriaState::detach) to the next. Their losses are summed for one `backward`.
    /// A good length of the window is `bptt` segments. Default: 8
    ///
    /// It bounds one hop. An engram is made of hidden states that may have attended to tracked engrams themselves. So
    /// gradients can flow on, hop by hop, back to the last [`MemoriaState::detach`]. Nothing else ends the chain or
    /// frees its graph.
    #[config(default = 8)]
    pub bptt: usize,
}

/// A memory with its gradient window: the explicit state of a model with memory.
///
/// Passed as `&mut`, as Burn's caches are, never kept in a module. For every segment, call
/// [`recall`](Self::recall), attend, then call [`reinforce`](Self::reinforce). One value belongs to one layer.
///
/// Training sums the losses of a window of segments and ends the window after each `backward`:
///
/// ```
/// # #[cfg(all(feature = "flex", feature = "autodiff"))] {
/// use burn::{optim::{AdamConfig, GradientsParams}, tensor::{Device, Distribution, Tensor}};
/// use memoria_core::MemoriaConfig;
/// use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig};
///
/// # fn main() -> Result<(), memoria_core::MemoriaError> {
/// let device = Device::flex().autodiff();
/// let mut layer = MemoriaLayerConfig::bidirectional(16, 2, 4).init(&device);
/// let mut optimizer = AdamConfig::new().init();
/// let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 9.0, 4)).with_bptt(4).init()?;
/// for _window in 0..2 {
///     let mut losses = Vec::new();
///     for _segment in 0..memory.bptt() {
///         let hidden = Tensor::<3>::random([2, 8, 16], Distribution::Default, &device);
///         let output = layer.forward(hidden.clone(), &mut memory)?.hidden;
///         losses.push((output - hidden).square().mean());
///     }
///     let gradients = losses.into_iter().reduce(|a, b| a + b).unwrap().backward();
///     let gradients = GradientsParams::from_grads(gradients, &layer);
///     layer = optimizer.step(1e-3, layer, gradients);
///     memory.detach(); // the graph is gone
///     memory.reset_rows(&[1])?; // the document in row 1 has ended
/// }
/// # Ok(()) } main().unwrap(); }
/// ```
#[derive(Clone)]
pub struct MemoriaState {
    memory: Memoria<Dispatch>,
    window: GradientWindow,
    lifespan_extend_scale: f32,
    /// Of a previous segment within the gradient window.
    graph: Option<Graph>,
    /// A parameter of the layer that this is the memory of.
    layer: Option<ParamId>,
    /// Whether it was emptied as a whole, and nothing has come since.
    is_reset: bool,
    /// Has hosts taken for devices that are waited for.
    #[cfg(test)]
    pub(crate) waits: bool,
}

impl MemoriaStateConfig {
    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn init(&self) -> Result<MemoriaState, MemoriaError> {
        if !self.lifespan_extend_scale.is_finite() {
            return Err(MemoriaError::InvalidConfig {
                field: "lifespan_extend_scale",
                expected: "a finite number",
                got: self.lifespan_extend_scale.to_string(),
            });
        }
        Ok(MemoriaState {
            memory: Memoria::new(self.memoria)?,
            window: GradientWindow::new(self.bptt),
            lifespan_extend_scale: self.lifespan_extend_scale,
            graph: None,
            layer: None,
            is_reset: false,
            #[cfg(test)]
            waits: false,
        })
    }
}

impl MemoriaState {
    /// Stores the working memories of a segment `[batch, n, d_model]`, detached. Returns them with the engrams that
    /// they, or a separate query, remind of: see [`RecallInput`].
    ///
    /// Costs two device round trips at most; see [`Memoria::remind`]. Working memories without autodiff end the
    /// gradient window; then no reminded engram is tracked.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_working_memory`] and [`Memoria::remind`]. [`MemoriaError::RowOutOfRange`] for absent rows
    /// that do not exist. [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`],
    /// [`MemoriaError::WrongDevice`] or [`MemoriaError::EmptyDimension`] for a query that is not like the working
    /// memories, or for padding of another shape; [`MemoriaError::NonFiniteQuery`]. [`MemoriaError::NotDetached`] if
    /// the working memories have autodiff and a `backward` has gone through the gradient window since, which is noticed
    /// on flex and, with the feature `autodiff`, on GPUs. After an error nothing of the segment is stored, except after
    /// a [`MemoriaError::Device`] during the search.
    pub fn recall(&mut self, input: impl Into<RecallInput>) -> Result<Recall, MemoriaError> {
        let input = self.checked(input.into())?;
        self.drop_rows_for(&input.working)?;
        let is_new = self.memory.batch() == 0;
        let reminded = self.remembered(&input).inspect_err(|_| {
            self.memory.withdraw_added();
            if is_new {
                _ = self.drop_rows();
            }
        })?;
        self.is_reset = false;
        let recall = self.attended(&input, reminded);
        // Not before: what is pushed may push out what is reminded.
        let working = self.window.push(input.working, input.padding.as_ref(), &recall.ids);
        Ok(Recall { working, ..recall })
    }

    /// Returns what [`recall`](Self::recall) would return, without storing, firing or changing anything: for looking
    /// ahead, as in generation. This never fills a memory. For held-out text, use [`recall`](Self::recall) with a
    /// separate memory.
    ///
    /// # Errors
    ///
    /// As [`recall`](Self::recall) and [`Memoria::peek`].
    pub fn peek(&mut self, input: impl Into<RecallInput>) -> Result<Recall, MemoriaError> {
        let mut input = self.checked(input.into())?;
        let [rows, count, _] = input.working.dims();
        if count == 0 {
            input.absent = (0..rows).collect();
        }
        let (query, counts) = match (&input.query, &input.padding) {
            (Some(query), _) => (query.clone().inner(), None),
            (None, None) => (input.working.clone().inner(), None),
            (None, Some(padding)) => {
                let (read, counts) = closed_up(input.working.clone().inner(), padding);
                (read, Some(counts))
            }
        };
        let query = query.into_dispatch();
        let reminded = if self.makes_way_for(&input.working) {
            // Reads what is watched. An empty memory stands for the new rows; the present ones stay.
            self.memory.state()?;
            Memoria::new(*self.memory.config())?.peek_except(query, &input.absent)?
        } else {
            self.memory.peek_first(query, &input.absent, counts)?
        };
        Ok(self.attended(&input, reminded))
    }

    /// Makes empty rows for a batch like `hidden` `[batch, n, d_model]`. It fixes the batch, the size, the float type
    /// and the device. If there are rows already, it checks that they are like `hidden`.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_working_memory`].
    pub fn prepare(&mut self, hidden: &Tensor<3>) -> Result<(), MemoriaError> {
        let [batch, _, d_model] = hidden.dims();
        let options = (&hidden.device().inner(), hidden.dtype());
        let nothing = Tensor::<3>::empty([batch, 0, d_model], options);
        self.drop_rows_for(&nothing)?;
        self.memory.add_working_memory(nothing.into_dispatch())
    }

    /// Ends the gradient window and begins the next one. Call it after each `backward`, which frees the graph.
    pub fn detach(&mut self) {
        self.window.clear();
        self.graph = None;
    }

    /// Segments for which engrams are [tracked](MemoriaStateConfig::bptt).
    pub fn bptt(&self) -> usize {
        self.window.bptt()
    }

    /// Changes for how many segments engrams are [tracked](MemoriaStateConfig::bptt), from now on. Results
    /// stay the same.
    pub fn set_bptt(&mut self, bptt: usize) {
        self.window.set_bptt(bptt);
        self.graph = self.graph.take().filter(|_| bptt > 0);
    }

    /// Empties all rows and ends the gradient window. The next batch may have another size, as the last one of an epoch
    /// or one for validation, or belong to another layer. If it is like the one before, ids continue. A recorded
    /// history of the rows ends when another batch comes.
    pub fn reset(&mut self) {
        self.memory.reset();
        self.detach();
        self.layer = None;
        self.is_reset = true;
    }

    /// Whether all rows were emptied by [`reset`](Self::reset), and nothing has come since: the next batch
    /// may have any size.
    pub fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// Empties some rows; their neighbours go on.
    ///
    /// # Errors
    ///
    /// As [`Memoria::reset_rows`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        self.memory.reset_rows(rows)
    }

    /// Runs `read`, which reads the memory, and refuses a segment `[batch, seq, d_model]` that is not finite where
    /// there is no padding. A host checks before `read`. A device checks with the first values that `read` reads,
    /// without a round trip of its own.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NonFiniteHidden`], after which the memory is as it was; [`MemoriaError::WrongDimension`] for
    /// padding of another shape; as of `read`.
    pub fn checking<T>(
        &mut self,
        hidden: &Tensor<3>,
        padding: Option<&Padding>,
        read: impl FnOnce(&mut Self) -> Result<T, MemoriaError>,
    ) -> Result<T, MemoriaError> {
        check_padding(hidden, padding)?;
        if self.is_on_host(hidden) {
            finite::check(hidden, padding)?;
            return read(self);
        }
        self.memory.watch(Some(finite::squared_norms(hidden, padding).into_dispatch()));
        let done = read(self);
        // Of what is refused before anything is read.
        self.memory.watch(None);
        done
    }

    /// Whether the numbers of a tensor are on the host.
    fn is_on_host<const D: usize>(&self, tensor: &Tensor<D>) -> bool {
        #[cfg(test)]
        if self.waits {
            return false;
        }
        computes_on_host::<Dispatch>(tensor.device().as_dispatch())
    }

    /// Makes this the memory of the layer with this parameter.
    pub(crate) fn belong_to(&mut self, layer: ParamId) {
        self.layer = Some(layer);
    }

    /// Refuses a layer that does not have this parameter.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::OtherLayer`].
    pub(crate) fn check_layer(&self, layer: ParamId) -> Result<(), MemoriaError> {
        match self.layer {
            Some(other) if other != layer => Err(MemoriaError::OtherLayer),
            _ => Ok(()),
        }
    }

    /// Refuses hidden states of a batch that does not fit the rows, unless the rows make way for it. Returns whether
    /// they do.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub(crate) fn check_rows(&self, hidden: &Tensor<3>) -> Result<bool, MemoriaError> {
        let makes_way = self.makes_way_for(hidden);
        if !makes_way {
            self.memory.check_working(&hidden.clone().inner().into_dispatch())?;
        }
        Ok(makes_way)
    }

    /// The recall of a segment without working memories. Begins no step and makes no rows.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub(crate) fn nothing(&mut self, hidden: &Tensor<3>) -> Result<Recall, MemoriaError> {
        let [batch, _, d_model] = hidden.dims();
        let working = Tensor::empty([batch, 0, d_model], (&hidden.device(), hidden.dtype()));
        self.peek(RecallInput::new(working))
    }

    /// Stores the working memories, and reminds for them or for the query.
    fn remembered(
        &mut self,
        input: &RecallInput,
    ) -> Result<memoria_core::Recall<Dispatch>, MemoriaError> {
        self.store(input.working.clone().inner(), input.padding.as_ref())?;
        match &input.query {
            None => self.memory.remind_except(&input.absent),
            Some(query) => {
                let query = query.clone().inner().into_dispatch();
                self.memory.remind_added_for(query, &input.absent)
            }
        }
    }

    /// Stores working memories `[batch, n, d_model]`, which are like a query that was checked.
    fn store(&mut self, data: Tensor<3>, padding: Option<&Padding>) -> Result<(), MemoriaError> {
        let Some(padding) = padding else {
            return self.memory.add_working_memory(data.into_dispatch());
        };
        self.prepare(&data)?;
        let batch = data.dims()[0];
        for (start, length, absent) in padding.runs() {
            if absent.len() < batch {
                let part = data.clone().narrow(1, start, length).into_dispatch();
                self.memory.add_working_memory_except(part, &absent)?;
            }
        }
        Ok(())
    }

    /// An input with the same rows absent as without any working memory, if nothing is wrong with it.
    fn checked(&mut self, mut input: RecallInput) -> Result<RecallInput, MemoriaError> {
        self.check_window(&input.working.device())?;
        check_query(&input)?;
        let [rows, count, _] = input.working.dims();
        if let Some(&got) = input.absent.iter().find(|&&row| row >= rows) {
            return Err(MemoriaError::RowOutOfRange { got, rows });
        }
        check_padding(&input.working, input.padding.as_ref())?;
        if count > 0 {
            let padding = Padding::of_rows(&input.absent, [rows, count]);
            input.padding = Padding::either(input.padding, padding);
            input.absent = input.padding.as_ref().map(Padding::empty_rows).unwrap_or_default();
        }
        Ok(input)
    }

    /// Makes way for a batch of other rows after a reset.
    fn drop_rows_for(&mut self, working: &Tensor<3>) -> Result<(), MemoriaError> {
        if self.makes_way_for(working) { self.drop_rows() } else { Ok(()) }
    }

    fn drop_rows(&mut self) -> Result<(), MemoriaError> {
        let all: Vec<usize> = (0..self.memory.batch()).collect();
        self.memory.split(&all).map(drop)
    }

    /// Whether the rows were reset, and a batch has other ones: more or fewer, of another width or in another place.
    fn makes_way_for(&self, working: &Tensor<3>) -> bool {
        let (rows, [batch, _, d_model]) = (self.memory.batch(), working.dims());
        let device = working.device().inner();
        let fits = rows == batch
            && self.memory.dim() == Some(d_model)
            && self.memory.dtype() == Some(working.dtype())
            && self.memory.device() == Some(device.as_dispatch());
        self.is_reset && !fits
    }

    /// Refuses a gradient window with a graph that is gone. On a device without autodiff nothing depends on the window.
    fn check_window(&self, device: &Device) -> Result<(), MemoriaError> {
        let is_consumed =
            || self.window.is_consumed() || self.graph.as_ref().is_some_and(Graph::is_consumed);
        if device.is_autodiff() && is_consumed() {
            return Err(MemoriaError::NotDetached);
        }
        Ok(())
    }

    fn attended(&self, input: &RecallInput, ids: memoria_core::Recall<Dispatch>) -> Recall {
        let RecallInput { working, query, padding, .. } = input;
        let device = working.device();
        let reminded = ids.data().cloned().map(|data| {
            let stored = Tensor::from_dispatch(data);
            // What runs without autodiff must not come to it through a memory.
            let is_tracked = device.is_autodiff();
            RemindedMemories {
                data: if is_tracked { self.window.track(stored, &ids) } else { stored },
                mask_pad: Padding::new(ids.width(), ids.padding())
                    .map(|padding| padding.mask(&device)),
            }
        });
        let mask_working = padding.as_ref().map(|padding| padding.mask(&device));
        let config = self.memory.config();
        let metric = (config.correlation, config.pooling);
        let (working, query) = (working.clone(), query.clone());
        Recall { working, mask_working, query, reminded, ids, metric }
    }
}

/// Shapes and counts; the numbers are many.
impl fmt::Debug for MemoriaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoriaState")
            .field("memory", &self.memory)
            .field("lifespan_extend_scale", &self.lifespan_extend_scale)
            .field("bptt", &self.bptt())
            .field("segments_in_window", &self.window.len())
            .finish_non_exhaustive()
    }
}

/// Refuses padding that is not of the positions of `[batch, seq, d_model]`.
fn check_padding(of: &Tensor<3>, padding: Option<&Padding>) -> Result<(), MemoriaError> {
    let Some(padding) = padding else { return Ok(()) };
    let ([rows, seq, _], [got_rows, got_seq]) = (of.dims(), padding.dims());
    check_sizes("padding", [("batch", rows, got_rows), ("positions", seq, got_seq)])
}

/// Refuses a query that is not like the working memories, before anything is stored.
fn check_query(input: &RecallInput) -> Result<(), MemoriaError> {
    let RecallInput { working, query: Some(query), .. } = input else { return Ok(()) };
    let tensor = "query";
    let ([batch, _, d_model], [got_batch, count, got_d_model]) = (working.dims(), query.dims());
    check_sizes(tensor, [("batch", batch, got_batch), ("hidden", d_model, got_d_model)])?;
    if count == 0 {
        let (dimension, got) = ("queries", query.dims().to_vec());
        return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
    }
    check_dtype(tensor, working.dtype(), query.dtype())?;
    check_device(tensor, &working.device().inner(), &query.device().inner())
}
