## Titles of notifications, and what they say.

likes-your-post = { $name } likes your post
likes-your-comment = { $name } likes your comment
commented-on-your-post = { $name } commented on your post
replied-to-your-comment = { $name } replied to your comment
shared-your-post = { $name } shared your post
gave-to-your-goal = { $name } gave to your goal
commented-on-contribution = { $name } commented on a contribution
asks-for-refund = { $name } asks for a refund
goal-has-news = News of “{ $goal }”
goal-is-over = “{ $goal }” is over
money-taken-back = { $amount } went back to who paid
dispute-won = { $amount } stays yours: the dispute was won
dispute-lost = A dispute about { $amount } was lost
dispute-opened = { $amount } is disputed by the bank of who paid
you-owe = You owe { $amount }: what comes into your wallet pays it first.
somebody = Somebody
goal-missed-its-target = The target was missed: everybody gets their money back.
goal-was-called-off = It was called off: everybody gets their money back.
goal-closed = It takes no contributions any more; what was raised goes to those who asked for it.

## Titles of what staff has to look into.

alert-dispute-opened = A payment is disputed
alert-dispute-lost = A dispute was lost
alert-refund-failed = A refund failed
alert-refund-stuck = A refund was not answered in time: look at the provider
alert-given-back-beyond = A provider gave back more than was paid
alert-books-differ = The books do not balance
alert-providers-differ = The books and a provider do not agree
alert-jobs-died = Background jobs have failed for good
alert-withdrawals-wait = Withdrawals wait for a decision
