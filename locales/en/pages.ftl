## The page behind the link under news, and on that link in e-mails. The title of the goal comes escaped.

news-by-email = News by e-mail
unsubscribe = Unsubscribe
news-is-on = You get e-mails when “<bdi>{ $goal }</bdi>” has news.
news-is-off = You get no e-mails about “<bdi>{ $goal }</bdi>” any more.
