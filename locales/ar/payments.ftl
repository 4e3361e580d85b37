## What payers read at the provider and in the receipt.

wallet-deposit = { $service }: wallet
