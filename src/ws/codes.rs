//! The numbers of the protocol: errors that answer a command, codes that end a socket.

/// Why a command is refused. The socket goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Internal,
    UnknownChannel,
    PermissionDenied,
    MethodNotFound,
    AlreadySubscribed,
    LimitExceeded,
    BadRequest,
    NotAvailable,
    TokenExpired,
    TooManyRequests,
    UnrecoverablePosition,
}

impl Refused {
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Internal => 100,
            Self::UnknownChannel => 102,
            Self::PermissionDenied => 103,
            Self::MethodNotFound => 104,
            Self::AlreadySubscribed => 105,
            Self::LimitExceeded => 106,
            Self::BadRequest => 107,
            Self::NotAvailable => 108,
            Self::TokenExpired => 109,
            Self::TooManyRequests => 111,
            Self::UnrecoverablePosition => 112,
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal server error",
            Self::UnknownChannel => "unknown channel",
            Self::PermissionDenied => "permission denied",
            Self::MethodNotFound => "method not found",
            Self::AlreadySubscribed => "already subscribed",
            Self::LimitExceeded => "limit exceeded",
            Self::BadRequest => "bad request",
            Self::NotAvailable => "not available",
            Self::TokenExpired => "token expired",
            Self::TooManyRequests => "too many requests",
            Self::UnrecoverablePosition => "unrecoverable position",
        }
    }

    /// True if the same command may succeed a little later.
    pub(crate) const fn is_temporary(self) -> bool {
        matches!(self, Self::Internal | Self::TooManyRequests)
    }
}

/// Why a socket ends, as its close frame says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close(pub(crate) u16, pub(crate) &'static str);

impl Close {
    pub(crate) const PROTOCOL: Self = Self(1002, "protocol error");
    pub(crate) const UNSUPPORTED: Self = Self(1003, "text frames only");
    pub(crate) const BAD_UTF8: Self = Self(1007, "invalid utf-8");
    pub(crate) const TOO_BIG: Self = Self(1009, "message too big");
    pub(crate) const SHUTDOWN: Self = Self(3001, "shutdown");
    pub(crate) const INTERNAL: Self = Self(3004, "internal server error");
    pub(crate) const EXPIRED: Self = Self(3005, "connection expired");
    pub(crate) const SLOW: Self = Self(3008, "slow");
    pub(crate) const NO_PONG: Self = Self(3012, "no pong");
    pub(crate) const INVALID_TOKEN: Self = Self(3500, "invalid token");
    pub(crate) const BAD_REQUEST: Self = Self(3501, "bad request");
    pub(crate) const STALE: Self = Self(3502, "stale");
    pub(crate) const CONNECTION_LIMIT: Self = Self(3504, "connection limit");

    /// The close of a code that a channel or the registry asked for.
    pub(crate) const fn of(code: u16) -> Self {
        match code {
            3001 => Self::SHUTDOWN,
            3005 => Self::EXPIRED,
            3008 => Self::SLOW,
            _ => Self::INTERNAL,
        }
    }

    /// Whether the client is asked to come back.
    pub(crate) const fn comes_back(self) -> bool {
        matches!(self.0, 3000..=3499 | 4000..=4499)
    }
}

/// The words to an ended subscription.
pub(crate) const fn ended_reason(code: u16) -> &'static str {
    if code == hub_actors::channel::STAY_AWAY { "no longer a member" } else { "subscribe again" }
}
