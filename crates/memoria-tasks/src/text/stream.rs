use tokenizers::Tokenizer;

/// What a decoder makes of bytes that are no whole character, yet or ever.
const NO_CHARACTER: char = '\u{FFFD}';

/// The text of tokens, told piece by piece: a character with bytes of several tokens, when the last of
/// them is there. All pieces together are what the tokens are decoded to as a whole.
#[derive(Clone, Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The tokens from which on the text is decoded: those of the last piece that was told, as what a token
    /// comes to depends on the one before it, and those that are still to be told.
    tokens: Vec<u32>,
    /// How many of them were told.
    told: usize,
}

impl<'a> TextStream<'a> {
    /// Of nothing yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, tokens: Vec::new(), told: 0 }
    }

    /// What one more token adds; nothing if it ends within a character.
    ///
    /// # Errors
    ///
    /// A message of the tokenizer.
    pub fn add(&mut self, token: u32) -> Result<String, String> {
        self.tokens.push(token);
        let piece = self.untold()?;
        if piece.is_empty() || piece.ends_with(NO_CHARACTER) {
            return Ok(String::new());
        }
        self.tokens.drain(..self.told);
        self.told = self.tokens.len();
        Ok(piece)
    }

    /// What is left in the end: bytes that are no whole character.
    ///
    /// # Errors
    ///
    /// A message of the tokenizer.
    pub fn finish(self) -> Result<String, String> {
        self.untold()
    }

    fn untold(&self) -> Result<String, String> {
        let decode =
            |tokens: &[u32]| self.tokenizer.decode(tokens, true).map_err(|error| error.to_string());
        let (told, text) = (decode(&self.tokens[..self.told])?, decode(&self.tokens)?);
        Ok(text.get(told.len()..).unwrap_or_default().to_owned())
    }
}
