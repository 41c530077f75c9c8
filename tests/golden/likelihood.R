# Writes likelihood.json: metafor's profile() of tau2 of the BCG trials, and its profile-likelihood interval.
# Rscript tests/golden/likelihood.R > tests/golden/likelihood.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
dat <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
tight <- list(threshold = 1e-14, maxiter = 10000)
curve <- function(method) {
  fit <- rma(yi, vi, data = dat, method = method, control = tight)
  found <- profile(fit, xlim = c(0, 1.5), steps = 16, progbar = FALSE, plot = FALSE)
  ci <- confint(fit, type = "PL", control = list(tol = 1e-14, maxiter = 10000))$random["tau^2", ]
  list(tau2 = fit$tau2, loglik = as.numeric(logLik(fit)), at = found$tau2, ll = found$ll,
       low = unname(ci["ci.lb"]), high = unname(ci["ci.ub"]))
}
cat(toJSON(list(
  about = "metafor profile() and confint(type = 'PL') of dat.bcg, measure RR",
  versions = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))),
  fits = list(REML = curve("REML"), ML = curve("ML"))
), digits = I(16), auto_unbox = TRUE, pretty = TRUE), "\n")
