//! All published frames of all vendors: decoded or refused, and none taken for another's.

use hub_codecs::{Decoded, Refusal, codec_by_shape, codec_of, decode, models};
use serde_json::Value;

use crate::vector::{Vector, difference, published, thousandths};

/// All temperatures in a vendor's output, in thousandths.
fn temperatures(value: &Value, name: &str, found: &mut Vec<i64>) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                let name = if inner == "value" { name } else { inner };
                temperatures(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| temperatures(item, name, found)),
        Value::Number(_) if name.to_ascii_lowercase().contains("temp") => {
            found.push(thousandths(value))
        }
        _ => {}
    }
}

/// The first temperature that the vendor's own output does not have.
fn stray(decoded: &Decoded, vector: &Vector) -> Option<i64> {
    let mut theirs = Vec::new();
    temperatures(&vector.output, "", &mut theirs);
    let ours = decoded.temperatures.iter().map(|one| i64::from(one.temperature.0));
    ours.into_iter().find(|milli| !theirs.contains(milli))
}

#[test]
fn every_frame_is_decoded_or_refused_by_every_codec() {
    let Some(vectors) = published() else { return };
    assert_eq!(vectors.len(), 1024);
    let models: Vec<String> = models().collect();
    let mut outcomes = [0, 0];
    for vector in &vectors {
        for model in &models {
            let model = if model.ends_with('/') { format!("{model}any") } else { model.clone() };
            let codec = codec_of(&model).expect("a model that is listed is known");
            outcomes[usize::from(codec.decode(&vector.frame()).is_ok())] += 1;
        }
    }
    assert_eq!(outcomes[0] + outcomes[1], models.len() * vectors.len());
    assert!(outcomes.iter().all(|count| *count > 0), "refused and decoded: {outcomes:?}");
}

#[test]
fn a_known_model_reads_what_its_vendor_reads_and_an_unknown_one_nothing() {
    let Some(vectors) = published() else { return };
    let (mut by_model, mut refused) = (0, 0);
    for vector in &vectors {
        match decode(Some(&vector.model()), &vector.frame()) {
            Ok(decoded) => {
                by_model += 1;
                let difference = difference(&decoded.fields, &vector.output["data"]);
                assert_eq!(difference, None, "{}", vector.id);
                assert_eq!(stray(&decoded, vector), None, "{}: {decoded:?}", vector.id);
            }
            Err(Refusal::NoCodec) => assert!(codec_of(&vector.model()).is_none()),
            Err(refusal) => {
                refused += 1;
                let said = &vector.output["data"];
                assert!(!said.is_object(), "{}: {refusal}, and its vendor reads {said}", vector.id);
            }
        }
    }
    eprintln!("by model: {by_model} decoded, {refused} refused, of {}", vectors.len());
    assert_eq!((by_model, refused), (156, 9));
}

#[test]
fn no_frame_is_taken_by_shape_for_a_temperature_that_its_vendor_does_not_say() {
    let Some(vectors) = published() else { return };
    let (mut claimed, mut with_temperature) = (0, 0);
    for vector in &vectors {
        let Some(codec) = codec_by_shape(&vector.frame()) else {
            assert_eq!(decode(None, &vector.frame()), Err(Refusal::NoCodec));
            continue;
        };
        let decoded = codec.decode(&vector.frame()).expect("what a codec claims it reads");
        claimed += 1;
        with_temperature += usize::from(!decoded.temperatures.is_empty());
        assert_eq!(stray(&decoded, vector), None, "{}: {decoded:?}", vector.id);
        let own = decode(Some(&vector.model()), &vector.frame()).map(|own| own.temperatures);
        assert_eq!(own.as_ref(), Ok(&decoded.temperatures), "{} is no {codec:?}", vector.id);
    }
    eprintln!("by shape: {claimed} claimed, {with_temperature} of them with a temperature");
    assert_eq!((claimed, with_temperature), (29, 18));
}
