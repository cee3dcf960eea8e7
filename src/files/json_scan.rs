//! Finds the end of a JSON object while its bytes arrive.
//!
//! Only the structure is checked: brackets, commas, colons, and line feeds in texts, so that an object that is cut off is
//! noticed where the next one begins. The decoder checks the rest.

/// Objects and arrays inside each other; the decoder's own limit is lower.
const DEPTH_MAX: u32 = 128;

/// An object whose end has not been found. It begins at a `{`.
#[derive(Clone, Debug)]
pub(super) struct JsonScan {
    expects: Expects,
    /// The open containers, the innermost in the lowest bit: 1 is an object.
    containers: u128,
    pub(super) depth: u32,
    pub(super) in_text: bool,
    pub(super) is_escaped: bool,
    in_scalar: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    /// Or the end of the object, which a comma may precede: the decoder refuses that.
    Key,
    Colon,
    Value,
    /// In an array, or its end.
    Element,
    CommaOrEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStep {
    /// The object continues after these bytes.
    More,
    /// The object ends before this index.
    Complete(usize),
    /// The byte at this index cannot be there.
    Broken(usize),
}

impl JsonScan {
    pub(super) fn new() -> JsonScan {
        JsonScan {
            expects: Expects::Value,
            containers: 0,
            depth: 0,
            in_text: false,
            is_escaped: false,
            in_scalar: false,
        }
    }

    /// Continues with the next bytes.
    pub(super) fn run(&mut self, bytes: &[u8]) -> ScanStep {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_text {
                let Some(end) = self.skip_text(&bytes[at..]) else {
                    return ScanStep::More;
                };
                at += end;
                if self.in_text {
                    return ScanStep::Broken(at);
                }
            } else if !self.accepts(bytes[at]) {
                return ScanStep::Broken(at);
            }
            at += 1;
            if self.depth == 0 {
                return ScanStep::Complete(at);
            }
        }
        ScanStep::More
    }

    /// The index of the quote that ends the text, or of a line feed in it; it is in the text still, then.
    fn skip_text(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.is_escaped {
            self.is_escaped = false;
            match bytes.first()? {
                b'\n' => return Some(0),
                _ => at = 1,
            }
        }
        loop {
            at += memchr::memchr3(b'"', b'\\', b'\n', bytes.get(at..)?)?;
            match bytes[at] {
                b'"' => {
                    self.in_text = false;
                    return Some(at);
                }
                b'\n' => return Some(at),
                _ => at += 1,
            }
            match bytes.get(at) {
                None => {
                    self.is_escaped = true;
                    return None;
                }
                Some(b'\n') => return Some(at),
                Some(_) => at += 1,
            }
        }
    }

    fn accepts(&mut self, byte: u8) -> bool {
        let in_scalar = std::mem::take(&mut self.in_scalar);
        match (byte, self.expects) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'"', Expects::Key) => (self.in_text, self.expects) = (true, Expects::Colon),
            (b'"', Expects::Value | Expects::Element) => {
                (self.in_text, self.expects) = (true, Expects::CommaOrEnd);
            }
            (b'{' | b'[', Expects::Value | Expects::Element) if self.depth < DEPTH_MAX => {
                self.containers = self.containers << 1 | u128::from(byte == b'{');
                self.depth += 1;
                self.expects = if byte == b'{' { Expects::Key } else { Expects::Element };
            }
            (b'}', Expects::Key | Expects::CommaOrEnd) if self.is_in_object() => self.leave(),
            (b']', Expects::Element | Expects::CommaOrEnd) if !self.is_in_object() => self.leave(),
            (b',', Expects::CommaOrEnd) => {
                self.expects = if self.is_in_object() { Expects::Key } else { Expects::Element };
            }
            (b':', Expects::Colon) => self.expects = Expects::Value,
            (b'"' | b'{' | b'[' | b'}' | b']' | b',' | b':', _) => return false,
            (_, Expects::Value | Expects::Element) => {
                (self.in_scalar, self.expects) = (true, Expects::CommaOrEnd);
            }
            (_, _) => {
                self.in_scalar = in_scalar;
                return in_scalar;
            }
        }
        true
    }

    fn is_in_object(&self) -> bool {
        self.containers & 1 == 1
    }

    fn leave(&mut self) {
        self.containers >>= 1;
        self.depth -= 1;
        self.expects = Expects::CommaOrEnd;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The step after the whole text, however it is divided.
    fn scan(text: &str) -> ScanStep {
        let bytes = text.as_bytes();
        let whole = JsonScan::new().run(bytes);
        for cut in 1..bytes.len() {
            let mut scan = JsonScan::new();
            let step = match scan.run(&bytes[..cut]) {
                ScanStep::More => match scan.run(&bytes[cut..]) {
                    ScanStep::Complete(at) => ScanStep::Complete(at + cut),
                    ScanStep::Broken(at) => ScanStep::Broken(at + cut),
                    ScanStep::More => ScanStep::More,
                },
                step => step,
            };
            assert_eq!(step, whole, "{text} divided at {cut}");
        }
        whole
    }

    #[test]
    fn an_object_ends_at_its_own_bracket() {
        for object in [
            "{}",
            r#"{"a":{"b":[{},{"c":1}]},"d":[]}"#,
            r#"{"a":"}{","b":"\"}","c":"\\"}"#,
            "{\n  \"a\": 1.5e3,\r\n  \"b\": [\n    null,\n    true\n  ]\n}",
            // The decoder refuses these; their ends are clear.
            r#"{"a":NaN,"b":None,}"#,
        ] {
            assert_eq!(scan(object), ScanStep::Complete(object.len()), "{object}");
            assert_eq!(scan(&format!("{object}{object}")), ScanStep::Complete(object.len()));
        }
    }

    #[test]
    fn an_object_is_broken_where_something_cannot_follow() {
        for (before, after) in [
            (r#"{"a":1"#, r#"{"b":2}"#),
            (r#"{"a":1,"#, r#"{"b":2}"#),
            (r#"{"a":{"b":2}"#, r#"{"c":3}"#),
            (r#"{"a":"x"#, "\n\"}"),
            (r#"{"a":"x\"#, "\n\"}"),
            (r#"{"a":"x" "#, "y\"}"),
            (r#"{"a":[1"#, "}"),
            (r#"{"a":"#, "}"),
            (r#"{"a":1 "#, "2}"),
            ("{", "'a':1}"),
            ("{", "a:1}"),
        ] {
            let text = format!("{before}{after}");
            assert_eq!(scan(&text), ScanStep::Broken(before.len()), "{text}");
            assert_eq!(scan(before), ScanStep::More, "{before}");
        }
        assert_eq!(scan(&"{\"a\":".repeat(200)), ScanStep::Broken(128 * 5));
    }
}
