//! A GPT-2 with a memory continues a prompt; its tokens are printed as they are generated. `memoria generate` does the
//! same with all its options.
//!
//! ```sh
//! cargo run --release --example generate -- tests/data/models/gpt2-memoria 5,17,3
//! cargo run --release --example generate -- CHECKPOINT "It is a truth"    # with tokenizer.json
//! ```

use std::{error::Error, ops::ControlFlow, path::Path};

use burn::tensor::Device;
use memoria::models::{GenerationConfig, Gpt2LmHead, MemoryConfig, end_tokens};
use memoria_tasks::{
    print::print,
    println,
    text::{self, TextStream},
};

const USAGE: &str = "expected the folder of a checkpoint, and a prompt or tokens such as 5,17,3";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (folder, prompt) = (arguments.next().ok_or(USAGE)?, arguments.next().ok_or(USAGE)?);
    let folder = Path::new(&folder);
    let tokenizer = text::tokenizer(folder)?;
    let ids: Vec<i64> = match &tokenizer {
        Some(tokenizer) => {
            let encoded = tokenizer.encode(prompt.as_str(), false);
            let encoded = encoded.map_err(|error| error.to_string())?;
            encoded.get_ids().iter().copied().map(i64::from).collect()
        }
        None => prompt.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| USAGE)?,
    };

    let gpt2 = Gpt2LmHead::from_pretrained(folder, &Device::flex())?;
    // None for a plain GPT-2. A memory may be saved at the end of a text, and used for the next one.
    let mut memory = gpt2.config.memory.as_ref().map(MemoryConfig::init).transpose()?;
    let config = GenerationConfig::new(64).with_stop_tokens(end_tokens(folder)?);

    let mut text = tokenizer.as_ref().map(TextStream::new);
    let mut failed = None;
    gpt2.model.generate_streaming(&[ids], &config, memory.as_mut(), |told| {
        match &mut text {
            None => print(&format!("{} ", told.token)),
            Some(text) => match text.add(told.token as u32) {
                Ok(piece) => print(&piece),
                Err(error) => failed = Some(error),
            },
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    println!("{}", text.map_or(Ok(String::new()), TextStream::finish)?);
    if let Some(memory) = &mut memory {
        let counts = memory.state()?.row(0)?.counts();
        println!("its memory holds {} engrams", counts.total());
    }
    Ok(())
}
