//! One question or change: sent by Stripe's client, its answer taken as it came.

use bytes::Bytes;
use stripe::{IdempotencyKey, RequestStrategy, StripeError};
use stripe_client_core::{
    CustomizedStripeRequest, RequestBuilder, StripeClient, StripeClientErr, StripeRequest,
};

use crate::{Billing, BillingError};

/// The client without its reading of answers: an object that lacks a field which this version of it knows would be an
/// error of its own, though the field is of no use to us.
struct Unread<'a>(&'a stripe::Client);

/// What became of a request. A client of `async-stripe` can give bytes that it does not read as an error alone.
enum Outcome {
    Answered(Bytes),
    Failed(StripeError),
}

impl StripeClientErr for Outcome {
    fn deserialize_err(said: impl std::fmt::Display) -> Self {
        Self::Failed(StripeError::deserialize_err(said))
    }
}

impl StripeClient for Unread<'_> {
    type Err = Outcome;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, Outcome> {
        Err(self.0.execute(request).await.map_or_else(Outcome::Failed, Outcome::Answered))
    }
}

impl Billing {
    /// Asks for something.
    pub(crate) async fn ask(&self, request: &impl StripeRequest) -> Result<Bytes, BillingError> {
        self.send(request.build(), RequestStrategy::Once).await
    }

    /// Has something done, once for this key.
    pub(crate) async fn change(
        &self,
        request: RequestBuilder,
        key: &str,
    ) -> Result<Bytes, BillingError> {
        let key = IdempotencyKey::new(key);
        let key = key.map_err(|error| BillingError::Setup(error.to_string()))?;
        self.send(request, RequestStrategy::Idempotent(key)).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        strategy: RequestStrategy,
    ) -> Result<Bytes, BillingError> {
        let request = request.customize::<()>().request_strategy(strategy);
        match request.send(&Unread(&self.client)).await {
            Err(Outcome::Answered(bytes)) => Ok(bytes),
            Err(Outcome::Failed(error)) => Err(error.into()),
            Ok(()) => Err(BillingError::lost("its answer was not read")),
        }
    }
}
