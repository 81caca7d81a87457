//! Pages of what is ordered by an instant of people's or sensors' own, newest first, and then by id.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};
use uuid::Uuid;

use crate::{
    StoreError, cursor,
    records::{Page, PageQuery},
    sql,
};

/// A page of `query` by its columns of instant and id.
pub(crate) async fn page<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    (instant, id): (E::Column, E::Column),
    key: impl Fn(&E::Model) -> (i64, Uuid) + Send,
    page: &PageQuery,
) -> Result<Page<E::Model>, StoreError>
where
    E::Model: Send + Sync,
{
    let past = page.cursor.as_deref().map(read).transpose()?.map(|(at, last)| {
        // said apart from the rest, so that the index is entered at the cursor and not at its newest end
        let not_later = Condition::all().add(instant.lte(at));
        not_later.add(Condition::any().add(instant.lt(at)).add(id.lt(last)))
    });
    let wanted = query.filter(Condition::all().add_option(past));
    let in_order = wanted.order_by_desc(instant).order_by_desc(id);
    let rows = in_order.limit(sql::one_more(page)).all(db).await?;
    Ok(cursor::cut(rows, page, |row| written(key(row))))
}

fn written((at, id): (i64, Uuid)) -> String {
    let mut bytes = at.to_be_bytes().to_vec();
    bytes.extend_from_slice(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(cursor: &str) -> Result<(i64, Uuid), StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    let (at, id) = bytes.split_first_chunk().ok_or(StoreError::BadCursor)?;
    let id = Uuid::from_slice(id).map_err(|_| StoreError::BadCursor)?;
    Ok((i64::from_be_bytes(*at), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_what_it_was_made_of() {
        let key = (-5, Uuid::from_u128(7));
        assert_eq!(read(&written(key)).unwrap(), key);
        for bad in ["", "!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(matches!(read(bad), Err(StoreError::BadCursor)), "{bad}");
        }
    }
}
