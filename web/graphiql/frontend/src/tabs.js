// The ready tabs, in their order: what a newcomer sees first. A tab is named after its operation.

const register = {
  query: `# Make an account, with a trial.
mutation Register(
  $input: RegisterInput!
) {
  register(input: $input) {
    __typename
    ... on Error { message }
    ... on InvalidPassword { reasons }
    ... on RegisterSuccess {
      user { email createdAt }
      trial { status secondsLeft }
      tokens {
        accessToken
        accessTokenExpiresAt
        refreshToken
      }
    }
  }
}
`,
  variables: { input: { email: 'ada@example.com', password: 'long and private' } },
};

const me = {
  query: `# Who am I?
# Needs the token of a sign-in.
query Me {
  me {
    email
    name
    role
    trial {
      status
      plan { name trialDays }
      secondsLeft
      endsAt
    }
  }
}
`,
};

const countdown = {
  query: `# The trial, live over a WebSocket.
# Needs the token of a sign-in.
subscription Countdown {
  trialCountdown(everySeconds: 1) {
    status
    secondsLeft
  }
}
`,
};

const recommendations = {
  query: `# What suits you, and why. Say what you like
# with SetInterests, then ask again.
# Both need the token of a sign-in.
query Recommendations {
  me {
    recommendations(first: 5) {
      strategy
      edges {
        reason
        score
        node { title category }
      }
    }
  }
}

mutation SetInterests {
  setInterests(
    topics: ["photography"]
  ) {
    topic
    weight
  }
}
`,
};

const login = {
  query: `# Sign in again: a token lasts ten minutes.
mutation Login($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on Error { message }
    ... on LoginSuccess {
      user { email }
      tokens {
        accessToken
        accessTokenExpiresAt
        refreshToken
      }
    }
  }
}
`,
  variables: register.variables,
};

const kpis = {
  query: `# Does the product meet its targets?
# For analysts and administrators, with the
# token of a sign-in by a second factor.
query Kpis {
  kpis {
    name
    value
    comparison
    target
    low
    high
    sampleSize
    verdict
  }
}
`,
};

export const tabs = [register, me, countdown, recommendations, login, kpis].map(({ query, variables }) => ({
  query,
  variables: variables && JSON.stringify(variables, null, 2),
}));
