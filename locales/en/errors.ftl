## Refusals of the whole request: what is said where nothing says more, a message per code.

unauthenticated = Sign in first: this needs a valid access token.
forbidden = You are not allowed to do this.
reauthentication-required = Prove again who you are, by `reauthenticate`, then repeat this.
two-factor-setup-required = Your role requires two-factor authentication: set it up, then refresh the session.
rate-limited = Too many requests; try again in a while.
cost-exceeded = This is larger than allowed; ask for less at once.
timeout = This took too long.
unavailable = The service is not available at the moment; try again in a while.
internal = Something went wrong on our side; the request id helps to find out what.

## Refusals of the whole request: more precise ones.

token-refused = The access token is expired, of a session that is over, or none of ours: refresh the session, or sign in.
session-over = The session is over: sign in again.
operation-not-trusted = Only trusted operations run here; { $document } is none of them.
origin-not-allowed = Pages of this origin may not call this server.
too-many-requests = Too many requests; try again in { $seconds } s.
too-many-tries = Too many failed tries; try again in { $seconds } s.
too-much-at-once = You ask for too much at once: what you asked for before still runs. Try again in a second.
over-limit = The operation's { $what } is { $requested }; the limit is { $limit }.
answer-too-large = The answer is larger than { $limit } bytes: ask for less at once.
done-but-answer-too-large = It was done, but the answer is larger than { $limit } bytes: ask for what you need of it.
not-done-in-time = Not done within { $seconds } s.
perhaps-done-later = Not done within { $seconds } s; it may still be. Try again with the same idempotency key.
database-slow = The database took too long.
database-busy = The database is busy; try again.
database-unavailable = The database is not available at the moment; try again.
outcome-unknown = The database stopped answering while this was being stored. Whether it is stored is not known: look, or send it again with the same idempotency key.
too-many-connections = There are too many connections; try again later.
sign-in-busy = Too many people are signing in at the moment; try again.
catching-up-busy = Too much is being caught up on; go on from your cursor later.
events-busy = Too much happens at once; go on from your cursor later.
payment-provider-unavailable = The provider of payments can't be reached; try again.
payment-provider-unavailable-with-key = The provider of payments can't be reached; try again with the same key.

## User errors: what is wrong with the input, a message per code.

error-blank = This must not be empty.
error-too-long = At most { $max } characters are allowed.
error-too-short = At least { $min } characters are needed.
error-invalid = This is not valid: { $reason }
error-invalid-characters = This contains characters that are not allowed.
error-invalid-id = This is not the id of a { $expected }.
error-not-found = There is no such thing, or you may not see it.
error-not-allowed = You may not change this.
error-taken = This is already taken.
error-reserved = This name is reserved.
error-too-soon = This is possible again at { $at }.
error-password-too-weak = This password is too easy to guess; choose a longer or less common one.
error-invalid-credentials = The login or the password is wrong.
error-email-not-confirmed = Confirm your e-mail address first.
error-invalid-refresh-token = The session has ended; sign in again.
error-invalid-code = This code is wrong or no longer valid.
error-code-sent-just-now = A code was sent just now; another can be sent at { $at }.
error-too-many-codes = Too many codes were sent today; try again tomorrow.
error-already-verified = This is verified already.
error-wrong-password = The password is wrong.
error-no-password = This account has no password; set one by a reset.
error-account-suspended = This account is suspended until { $until }: { $reason }
error-invalid-challenge = This sign-in took too long or was tried too often; sign in again.
error-two-factor-enabled = Two-factor authentication is on already.
error-two-factor-not-enabled = Two-factor authentication is not set up.
error-two-factor-required = Your role requires two-factor authentication.
error-method-not-available = This method is not available for this account.
error-provider-failed = Signing in at the provider did not work; begin again.
error-provider-email-unverified = The provider gave no verified e-mail address; verify one there, or sign in here and link the provider.
error-link-required = An account with this address exists; sign in to it and link the provider there.
error-already-linked = This identity is linked already.
error-last-way-in = This is the last way to sign in; set a password or link another provider first.
error-last-owner = The last owner can't be removed.
error-beyond-your-rights = This takes rights that you don't have.
error-already-done = This was done already.
error-insufficient-funds = There is not enough money for this.
error-invalid-amount = This is not a possible amount: it has to be above zero, with no more decimals than { $currency } has.
error-amount-too-small = At least { $min } is needed.
error-amount-too-large = At most { $max } is possible.
error-currency-mismatch = The currency here is { $currency }.
error-provider-not-available = This way to pay is not available for this.
error-wrong-state = This is no longer possible: it is { $state }.
error-payment-refused = The payment was refused: { $reason }
error-second-person-needed = Somebody else has to approve this.
error-goal-closed = This goal takes no contributions any more.
error-too-many = At most { $max } are possible.
error-already-exists = There is one already.
error-wallet-not-empty = There is still money in the wallet, or on its way; take it out first.
error-idempotency-key-reused = This idempotency key was already used with another input.

## User errors: what is expected, after “This is not valid:”.

expected-username = letters, digits and underscores, starting with a letter.
expected-one-script = letters of one script in each word are expected.
expected-email = an e-mail address is expected.
expected-https-address = an https address of a public host is expected.
expected-phone = a telephone number with its country code is expected, such as +201001234567.
expected-country = a country's two letters of ISO 3166-1 are expected, such as EG.
expected-birth-date = a date in the past, not before 1900, is expected.
expected-currency = an amount of 0 or more is expected, of at most ten digits, with no more decimals than the currency has.
expected-provider = this provider is not configured here.
expected-relative-path = a path within the frontend is expected, such as /settings.
expected-future = a time in the future is expected.
expected-iban = an IBAN with its country and right check digits is expected.
expected-account-number = 4 to 34 letters and digits are expected.
expected-deadline = a time in the future, at most a year ahead, is expected.
expected-suggested-amounts = at most six amounts are expected.
expected-time = a time with its offset is expected, such as 2030-12-31T18:00:00Z.
expected-day = a day is expected, such as 2001-12-31.
expected-decimal-number = a decimal number is expected, such as 12.50.
expected-currency-code = a currency's code of ISO 4217 is expected, such as USD.
expected-integer = a whole number between -2147483648 and 2147483647 is expected.
expected-guest-key = a guest's key and secret have to be such as nobody guesses, and not the same, such as two random UUIDs.

## How something stands that can't be changed any more: completes `error-wrong-state`.

state-created = created
state-pending = pending
state-processing = being processed
state-authorized = authorized
state-completed = completed
state-failed = failed
state-canceled = canceled
state-expired = expired
state-open = open
state-ended = ended
state-requested = requested
state-refused = refused
state-granted = granted
state-succeeded = done
state-approved = approved
state-paid = paid
state-returned = returned by the bank
state-proposed = proposed
state-applied = applied
state-won = won
state-lost = lost
state-not-reached = not reached
state-withdrawn = withdrawn
state-given-back = given back
state-not-possible = not possible
state-paid-otherwise = paid in another way

## Until when somebody is suspended, where that has no end: completes `error-account-suspended`.

further-notice = further notice
