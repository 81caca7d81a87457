//! Pages: a cursor is the key of the last item of the page before, in base64url.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hub_domain::{Channel, Point, ReadingKey, SourceId, Timestamp};
use uuid::Uuid;

use crate::{
    StoreError,
    records::{Page, PageQuery},
};

/// How many items a page may have.
pub(crate) fn limit(page: &PageQuery) -> usize {
    usize::from(page.limit.max(1))
}

/// Cuts what was found, one more than the page may hold if there is more, to a page.
pub(crate) fn cut<T>(
    mut items: Vec<T>,
    page: &PageQuery,
    cursor: impl Fn(&T) -> String,
) -> Page<T> {
    let limit = limit(page);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(cursor);
    Page { items, next }
}

/// The cursor of an item known by its id.
pub(crate) fn of_id(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The id after which a page starts.
pub(crate) fn id_after(page: &PageQuery) -> Result<Option<Uuid>, StoreError> {
    let Some(bytes) = bytes_after(page)? else { return Ok(None) };
    Uuid::from_slice(&bytes).map(Some).map_err(|_| StoreError::BadCursor)
}

/// The cursor of an item known by a text.
pub(crate) fn of_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text after which a page starts.
pub(crate) fn text_after(page: &PageQuery) -> Result<Option<String>, StoreError> {
    let Some(bytes) = bytes_after(page)? else { return Ok(None) };
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .map(Some)
        .ok_or(StoreError::BadCursor)
}

/// The cursor of a reading.
pub(crate) fn of_reading(key: &ReadingKey) -> String {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&key.recorded_at.as_millis().to_be_bytes());
    bytes.extend_from_slice(&key.sequence.to_be_bytes());
    bytes.extend_from_slice(key.point.source.0.as_bytes());
    bytes.extend_from_slice(key.point.channel.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The reading after which a page starts.
pub(crate) fn reading_after(page: &PageQuery) -> Result<Option<ReadingKey>, StoreError> {
    let Some(bytes) = bytes_after(page)? else { return Ok(None) };
    reading_key(&bytes).map(Some).ok_or(StoreError::BadCursor)
}

fn reading_key(bytes: &[u8]) -> Option<ReadingKey> {
    let (recorded_at, rest) = bytes.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (source, channel) = rest.split_first_chunk()?;
    let channel = Channel::parse(str::from_utf8(channel).ok()?)?;
    Some(ReadingKey {
        point: Point { source: SourceId(Uuid::from_bytes(*source)), channel },
        recorded_at: Timestamp::from_millis(i64::from_be_bytes(*recorded_at)),
        sequence: i64::from_be_bytes(*sequence),
    })
}

/// The cursor of a change of status: instant, version, ordinal.
pub(crate) fn of_change((at, version, ordinal): (i64, i64, i64)) -> String {
    let parts = [at, version, ordinal].map(i64::to_be_bytes);
    URL_SAFE_NO_PAD.encode(parts.as_flattened())
}

/// The change after which a page starts.
pub(crate) fn change_after(page: &PageQuery) -> Result<Option<(i64, i64, i64)>, StoreError> {
    let Some(bytes) = bytes_after(page)? else { return Ok(None) };
    let (parts, rest) = bytes.as_chunks();
    let [at, version, ordinal] = parts else { return Err(StoreError::BadCursor) };
    let parts = [at, version, ordinal].map(|part| i64::from_be_bytes(*part));
    rest.is_empty().then_some(Some(parts.into())).ok_or(StoreError::BadCursor)
}

fn bytes_after(page: &PageQuery) -> Result<Option<Vec<u8>>, StoreError> {
    let decode =
        |cursor: &String| URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor);
    page.cursor.as_ref().map(decode).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_key_it_was_made_of() {
        let key = ReadingKey {
            point: Point { source: SourceId(Uuid::from_u128(7)), channel: Channel::MANUAL },
            recorded_at: Timestamp::from_millis(-5),
            sequence: -1,
        };
        let page = |cursor| PageQuery { limit: 1, cursor: Some(cursor) };
        assert_eq!(reading_after(&page(of_reading(&key))).unwrap(), Some(key));
        assert_eq!(id_after(&page(of_id(Uuid::from_u128(7)))).unwrap(), Some(Uuid::from_u128(7)));
        assert_eq!(text_after(&page(of_text("A8"))).unwrap().as_deref(), Some("A8"));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in ["", "!", "AAAA", "ÄÖ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let page = PageQuery { limit: 1, cursor: Some(bad.to_owned()) };
            assert!(matches!(id_after(&page), Err(StoreError::BadCursor)), "{bad}");
            assert!(matches!(reading_after(&page), Err(StoreError::BadCursor)), "{bad}");
        }
    }
}
