//! Writes canonical JSON (<https://www.rfc-editor.org/rfc/rfc8785>) of documents without floats, in one buffer.
//!
//! Invariant: `serde_json` writes strings and their escapes as RFC 8785, section 3.2.2.2, demands. This module orders
//! properties (section 3.2.3) and restricts numbers to integers that every JSON reader represents exactly
//! (<https://www.rfc-editor.org/rfc/rfc7493#section-2.2>). Tests and the fuzzer compare it with
//! `serde_json_canonicalizer`, which needs two to three times as long.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// Largest absolute value of an integer: 2^53 - 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Encodes a value into its canonical bytes.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut document =
        Document { out: Vec::with_capacity(512), properties: Vec::with_capacity(16), ..Document::default() };
    value.serialize(&mut Serializer::with_formatter(io::sink(), &mut document))?;
    Ok(document.out)
}

/// The document written so far.
#[derive(Default)]
struct Document {
    out: Vec<u8>,
    /// Unfinished objects, the innermost last.
    objects: Vec<Object>,
    /// Properties of unfinished objects, outer ones first.
    properties: Vec<Property>,
    /// Whether a name is being written.
    in_key: bool,
    /// Space for reordering the properties of one object.
    scratch: Vec<u8>,
}

/// An unfinished object.
struct Object {
    /// Index of its first property in `Document::properties`.
    first: usize,
    /// Whether its properties came in canonical order so far.
    in_order: bool,
}

/// Position of a property, `"key":value`, in the buffer.
#[derive(Clone, Copy)]
struct Property {
    start: usize,
    key_end: usize,
    end: usize,
    /// Whether its name is ASCII without escapes.
    plain: bool,
}

/// Error for calls of `serde_json` in an impossible order. An error instead of a panic, as in all libraries here.
fn astray() -> io::Error {
    io::Error::other("an object was written out of turn")
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

impl Document {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn integer(&mut self, magnitude: u128, negative: bool) -> io::Result<()> {
        let magnitude = u64::try_from(magnitude).ok().filter(|magnitude| *magnitude <= INTEGER_MAX);
        let magnitude = magnitude.ok_or_else(|| refused("an integer is larger than 2^53 - 1"))?;
        if negative {
            self.out.push(b'-');
        }
        CompactFormatter.write_u64(&mut self.out, magnitude)
    }

    /// Brings the properties from `first` on into canonical order. Two properties of one name are refused.
    fn put_in_order(&mut self, first: usize) -> io::Result<()> {
        let Self { out, properties, scratch, .. } = self;
        let properties = properties.get_mut(first..).ok_or_else(astray)?;
        let begin = properties.first().map_or(out.len(), |property| property.start);
        properties.sort_unstable_by(|one, other| one.compare(other, out));
        scratch.clear();
        let mut before: Option<&Property> = None;
        for property in properties {
            if let Some(before) = before {
                if before.compare(property, out) == Ordering::Equal {
                    return Err(refused("a property stands twice"));
                }
                scratch.push(b',');
            }
            scratch.extend_from_slice(out.get(property.start..property.end).unwrap_or_default());
            before = Some(property);
        }
        out.truncate(begin);
        out.extend_from_slice(scratch);
        Ok(())
    }
}

impl Property {
    /// Order of two names in a buffer: by UTF-16 code units (<https://www.rfc-editor.org/rfc/rfc8785#section-3.2.3>).
    fn compare(&self, other: &Self, out: &[u8]) -> Ordering {
        // Includes quotes and escapes.
        fn written<'a>(of: &Property, out: &'a [u8]) -> &'a [u8] {
            out.get(of.start..of.key_end).unwrap_or_default()
        }
        // Excludes the quotes: the closing one would be compared as a character.
        fn plain<'a>(of: &Property, out: &'a [u8]) -> &'a [u8] {
            out.get(of.start + 1..of.key_end.saturating_sub(1)).unwrap_or_default()
        }
        if self.plain && other.plain {
            return plain(self, out).cmp(plain(other, out));
        }
        let text = |of| serde_json::from_slice::<String>(written(of, out)).unwrap_or_default();
        text(self).encode_utf16().cmp(text(other).encode_utf16())
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, _: &mut W, value: $type) -> io::Result<()> {
            self.integer(u128::from(value.unsigned_abs()), value < 0)
        })*
    };
}

macro_rules! naturals {
    ($($name:ident: $type:ty),*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, _: &mut W, value: $type) -> io::Result<()> {
            self.integer(u128::from(value), false)
        })*
    };
}

impl Formatter for &mut Document {
    integers!(write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128);
    naturals!(write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128);

    fn write_null<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"null")
    }

    fn write_bool<W: ?Sized + Write>(&mut self, _: &mut W, value: bool) -> io::Result<()> {
        self.put(if value { b"true" } else { b"false" })
    }

    fn write_f32<W: ?Sized + Write>(&mut self, _: &mut W, _: f32) -> io::Result<()> {
        Err(refused("a number is no integer"))
    }

    fn write_f64<W: ?Sized + Write>(&mut self, _: &mut W, _: f64) -> io::Result<()> {
        Err(refused("a number is no integer"))
    }

    fn write_number_str<W: ?Sized + Write>(&mut self, _: &mut W, text: &str) -> io::Result<()> {
        let value: i128 = text.parse().map_err(|_| refused("a number is no integer"))?;
        self.integer(value.unsigned_abs(), value < 0)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"\"")
    }

    fn end_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"\"")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, _: &mut W, text: &str) -> io::Result<()> {
        if self.in_key && !text.is_ascii() {
            self.properties.last_mut().ok_or_else(astray)?.plain = false;
        }
        self.put(text.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, _: &mut W, escape: CharEscape) -> io::Result<()> {
        if self.in_key {
            self.properties.last_mut().ok_or_else(astray)?.plain = false;
        }
        CompactFormatter.write_char_escape(&mut self.out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        self.put(if first { b"" } else { b"," })
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.objects.push(Object { first: self.properties.len(), in_order: true });
        self.put(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let object = self.objects.pop().ok_or_else(astray)?;
        if !object.in_order {
            self.put_in_order(object.first)?;
        }
        self.properties.truncate(object.first);
        self.put(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        self.put(if first { b"" } else { b"," })?;
        let start = self.out.len();
        self.properties.push(Property { start, key_end: start, end: start, plain: true });
        self.in_key = true;
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let Document { out, objects, properties, in_key, .. } = &mut **self;
        *in_key = false;
        properties.last_mut().ok_or_else(astray)?.key_end = out.len();
        let object = objects.last_mut().ok_or_else(astray)?;
        if object.in_order
            && let Some([.., before, this]) = properties.get(object.first..)
        {
            object.in_order = before.compare(this, out) == Ordering::Less;
        }
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.out.len();
        self.properties.last_mut().ok_or_else(astray)?.end = end;
        Ok(())
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        Err(refused("bytes that were written elsewhere are in no order that is known"))
    }
}
