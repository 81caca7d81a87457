//! Every message in every form.

mod hostile;
mod mails;
mod pages;
mod samples;
mod short;
