# Events of customers of a shop who visit, sign up, buy, become silent and return, within minutes: lines of a key, a tab
# and a JSON object, about ten a second after some minutes, until it is killed.

function between(least, most) { return least + int(rand() * (most - least + 1)) }

function emit(customer, type, rest) {
  printf "customer-%d\t{\"customer_id\":\"customer-%d\",\"type\":\"%s\",\"time\":%d000%s}\n", customer, customer, type, now, rest
}

function order(customer) { emit(customer, "order_completed", ",\"value\":" between(900, 24000) / 100) }

function leave(customer) { delete due[customer]; delete kind[customer] }

# What a customer does now, and when next.
function act(customer,    chance) {
  chance = rand()
  due[customer] = now + between(5, 30)
  if (kind[customer] == "buyer") {
    if (chance < 0.05) leave(customer)
    else if (chance < 0.1) due[customer] = now + between(150, 480)
    else if (chance < 0.5) emit(customer, "page_viewed")
    else order(customer)
  } else if (kind[customer] == "member") {
    if (chance < 0.1) leave(customer)
    else if (chance < 0.6) emit(customer, "page_viewed")
    else { kind[customer] = "buyer"; order(customer) }
  } else if (kind[customer] == "") {
    kind[customer] = "visitor"
    emit(customer, "page_viewed")
  } else {
    if (chance < 0.2) leave(customer)
    else if (chance < 0.6) emit(customer, "page_viewed")
    else { kind[customer] = "member"; emit(customer, "signed_up") }
  }
}

BEGIN {
  srand()
  while (customers < 100) due[++customers] = systime() + between(0, 60)
  for (;;) {
    now = systime()
    due[++customers] = now
    for (customer in due) if (due[customer] <= now) act(customer)
    fflush()
    system("sleep 1")
  }
}
