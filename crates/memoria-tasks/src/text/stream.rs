use tokenizers::Tokenizer;

/// The decoder's character for bytes that are not a complete character.
const NO_CHARACTER: char = '\u{FFFD}';

/// Decodes tokens to text piece by piece. A character with bytes in several tokens comes with the last of them.
/// All pieces together equal the decoded text of all tokens.
#[derive(Clone, Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The tokens that are decoded together: those of the last returned piece, because a token's text depends on the
    /// previous one, and those not yet returned.
    tokens: Vec<u32>,
    /// Number of these tokens already returned as text.
    told: usize,
}

impl<'a> TextStream<'a> {
    /// Creates a stream without tokens.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, tokens: Vec::new(), told: 0 }
    }

    /// Returns the text that one more token adds; empty if the token ends within a character.
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

    /// Returns the rest: bytes that are not a complete character.
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
