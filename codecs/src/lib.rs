//! What radio sensors put into their frames, read from the bytes.
//!
//! One small module for each vendor's family, behind one trait, [`Codec`]. A codec is chosen by the device's model
//! ([`codec_of`]), or, where that is not known, by port and shape ([`codec_by_shape`]): the latter only for frames that
//! cannot be mistaken for another vendor's. No clock, no input or output, no floats: a frame and the instant of its
//! reception go in, [`Decoded`] or a [`Refusal`] comes out.
//!
//! What a broken or absent probe reads is left out of the readings, channel by channel, and stays in
//! [`Decoded::fields`], which tells everything that the frame says under the names that its vendor gives it.

mod browan;
mod bytes;
mod decentlab;
mod decoded;
mod dragino;
mod elsys;
mod field;
mod laird;
mod mclimate;
mod milesight;
mod models;
mod netvox;
pub mod plausible;
mod sensative;
mod talkpool;
mod tektelic;

use std::fmt::Debug;

use hub_domain::Timestamp;

pub use self::{
    decoded::{Decoded, Measured},
    field::{FieldValue, Fields},
    models::{codec_by_shape, codec_of, models},
};

/// One radio frame, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The LoRaWAN port, 1 to 223; `None` where the network did not say.
    pub port: Option<u8>,
    /// The decrypted payload.
    pub bytes: &'a [u8],
    /// When it was received: some sensors say of a reading how long ago it was.
    pub received_at: Timestamp,
}

/// Reads the frames of one family of sensors.
pub trait Codec: Debug + Sync {
    /// Reads a frame of this family.
    ///
    /// # Errors
    /// [`Refusal`] when it is none, or one that the codec does not know.
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal>;

    /// Whether a frame of an unknown sensor is of this family and can be of no other.
    fn claims(&self, _frame: &Frame<'_>) -> bool {
        false
    }
}

/// Why a frame was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither the model nor the shape tells which codec reads it.
    #[error("no codec is known for the frame")]
    NoCodec,
    /// The sensor does not send what the codec reads on this port.
    #[error("unknown FPort")]
    UnknownPort,
    /// It ends too early, or too late.
    #[error("frame is of a length that its kind does not have")]
    Length,
    /// It says a kind, an item or an option that the codec does not know.
    #[error("frame is of an unknown kind")]
    UnknownKind,
}

/// Reads a frame by its device's model, or by port and shape where the model is not known.
///
/// A model of another vendor, as `vendor/model`, is known to be none of ours, so that nothing is guessed for it.
///
/// # Errors
/// [`Refusal`] when no codec is known for it, or its codec refuses it.
pub fn decode(model: Option<&str>, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
    let codec = match model.map(|model| (codec_of(model), model.contains('/'))) {
        Some((Some(codec), _)) => Some(codec),
        Some((None, true)) => None,
        Some((None, false)) | None => codec_by_shape(frame),
    };
    codec.ok_or(Refusal::NoCodec)?.decode(frame)
}
