//! Every message in every form.

mod hostile;
mod mails;
mod samples;
mod short;
